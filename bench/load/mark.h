// The mark that begins every benchmark payload, whatever protocol carries it: 32 bytes,
// little-endian. The sender of a payload writes it. The load client finds it by its magic inside
// complete WebSocket messages. Deliveries, losses, duplicates and latencies are therefore counted
// alike for every contestant. mark.ts is the same in TypeScript.
#ifndef HAYATE_BENCH_MARK_H
#define HAYATE_BENCH_MARK_H

#include <stdint.h>
#include <string.h>
#include <time.h>

#define MARK_MAGIC "\x9e\xf7hayate"
#define MARK_MAGIC_BYTES 8
#define MARK_BYTES 32

// Numbers of one payload. `sent_us` is CLOCK_MONOTONIC, so sender and reader must run on the same
// machine.
typedef struct mark {
  uint64_t sequence;
  uint64_t sent_us;
  uint32_t stream;
  uint32_t payload_bytes;
} mark;

// Monotonic microseconds.
static inline uint64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static inline void mark_write(uint8_t *at, const mark *m) {
  memcpy(at, MARK_MAGIC, MARK_MAGIC_BYTES);
  memcpy(at + 8, &m->sequence, 8);
  memcpy(at + 16, &m->sent_us, 8);
  memcpy(at + 24, &m->stream, 4);
  memcpy(at + 28, &m->payload_bytes, 4);
}

static inline void mark_read(const uint8_t *at, mark *m) {
  memcpy(&m->sequence, at + 8, 8);
  memcpy(&m->sent_us, at + 16, 8);
  memcpy(&m->stream, at + 24, 4);
  memcpy(&m->payload_bytes, at + 28, 4);
}

#endif
