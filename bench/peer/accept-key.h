// Sec-WebSocket-Accept (RFC 6455 section 4.2.2): base64 of SHA-1 (RFC 3174) of the client's key and
// a fixed GUID.
#ifndef HAYATE_BENCH_ACCEPT_KEY_H
#define HAYATE_BENCH_ACCEPT_KEY_H

#include <stdint.h>
#include <string.h>

static inline uint32_t rotate_left(uint32_t value, unsigned bits) { return value << bits | value >> (32 - bits); }

static inline void sha1_block(uint32_t state[5], const uint8_t *block) {
  uint32_t w[80];
  for (int i = 0; i < 16; i++)
    w[i] = (uint32_t)block[i * 4] << 24 | (uint32_t)block[i * 4 + 1] << 16 | (uint32_t)block[i * 4 + 2] << 8 | block[i * 4 + 3];
  for (int i = 16; i < 80; i++) w[i] = rotate_left(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
  for (int i = 0; i < 80; i++) {
    const uint32_t f = i < 20 ? (b & c) | (~b & d) : i < 40 || i >= 60 ? b ^ c ^ d : (b & c) | (b & d) | (c & d);
    const uint32_t k = i < 20 ? 0x5a827999 : i < 40 ? 0x6ed9eba1 : i < 60 ? 0x8f1bbcdc : 0xca62c1d6;
    const uint32_t next = rotate_left(a, 5) + f + e + k + w[i];
    e = d, d = c, c = rotate_left(b, 30), b = a, a = next;
  }
  state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
}

// Writes 28 characters and a zero. `key` has at most 60 characters.
static inline void accept_key(const char *key, size_t key_bytes, char accept[29]) {
  static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  uint8_t text[128] = {0};
  const size_t bytes = key_bytes + sizeof guid - 1;
  memcpy(text, key, key_bytes);
  memcpy(text + key_bytes, guid, sizeof guid - 1);
  text[bytes] = 0x80;
  const size_t end = bytes + 9 <= 64 ? 64 : 128;
  text[end - 2] = (uint8_t)(bytes * 8 >> 8);
  text[end - 1] = (uint8_t)(bytes * 8);
  uint32_t state[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  for (size_t at = 0; at < end; at += 64) sha1_block(state, text + at);
  uint8_t digest[21] = {0};
  for (int i = 0; i < 20; i++) digest[i] = (uint8_t)(state[i / 4] >> (24 - i % 4 * 8));
  for (int i = 0, o = 0; i < 21; i += 3, o += 4) {
    const uint32_t three = (uint32_t)digest[i] << 16 | (uint32_t)digest[i + 1] << 8 | digest[i + 2];
    for (int j = 0; j < 4; j++) accept[o + j] = letters[three >> (18 - j * 6) & 63];
  }
  accept[27] = '=';
  accept[28] = 0;
}

#endif
