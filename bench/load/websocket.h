// The client's side of RFC 6455, only the parts that a load client needs: the upgrade request,
// masked messages out, frames in.
#ifndef HAYATE_BENCH_WEBSOCKET_H
#define HAYATE_BENCH_WEBSOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define WS_TEXT 1
#define WS_BINARY 2
#define WS_CLOSE 8
#define WS_PING 9
#define WS_PONG 10
// Longest header that ws_masked writes.
#define WS_HEADER_BYTES_MAX 8

typedef struct ws_frame {
  uint8_t opcode;
  bool whole;
  const uint8_t *payload;
  uint64_t payload_bytes;
} ws_frame;

// Writes the upgrade request and returns its length. The key is RFC 6455's own example. Nothing
// here depends on a secret key.
static inline int ws_request(char *into, size_t size, const char *path, const char *host, const char *subprotocol) {
  return snprintf(into, size,
                  "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s%s%s\r\n",
                  path, host, subprotocol ? "Sec-WebSocket-Protocol: " : "", subprotocol ? subprotocol : "",
                  subprotocol ? "\r\n" : "");
}

// Writes a masked frame of at most 65,535 bytes and returns its length.
static inline size_t ws_masked(uint8_t *into, uint8_t opcode, const uint8_t *payload, size_t bytes, uint32_t mask) {
  uint8_t *at = into;
  *at++ = 0x80 | opcode;
  if (bytes < 126) {
    *at++ = (uint8_t)(0x80 | bytes);
  } else {
    *at++ = 0x80 | 126;
    *at++ = (uint8_t)(bytes >> 8);
    *at++ = (uint8_t)bytes;
  }
  memcpy(at, &mask, 4);
  const uint8_t *const key = at;
  at += 4;
  for (size_t i = 0; i < bytes; i++) *at++ = payload[i] ^ key[i & 3];
  return (size_t)(at - into);
}

// Reads a server's frame. Returns its total length in bytes, 0 if it is not complete, or -1 if it
// is masked or has reserved bits.
static inline int64_t ws_read(const uint8_t *at, size_t bytes, ws_frame *frame) {
  if (bytes < 2) return 0;
  if ((at[0] & 0x70) != 0 || (at[1] & 0x80) != 0) return -1;
  uint64_t length = at[1] & 0x7f;
  size_t header = 2;
  if (length == 126) {
    if (bytes < (header = 4)) return 0;
    length = (uint64_t)at[2] << 8 | at[3];
  } else if (length == 127) {
    if (bytes < (header = 10)) return 0;
    length = 0;
    for (int i = 2; i < 10; i++) length = length << 8 | at[i];
  }
  if (bytes - header < length) return 0;
  frame->opcode = at[0] & 0x0f;
  frame->whole = (at[0] & 0x80) != 0 && frame->opcode != 0;
  frame->payload = at + header;
  frame->payload_bytes = length;
  return (int64_t)(header + length);
}

#endif
