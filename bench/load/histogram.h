// Counts of microseconds in log-linear buckets. Each value below 256 has its own bucket. Above that
// each power of two has 128 buckets, so a quantile is off by less than 0.8 %. histogram.ts reads
// the buckets and must use the same rule.
#ifndef HAYATE_BENCH_HISTOGRAM_H
#define HAYATE_BENCH_HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define HISTOGRAM_BUCKETS (128 * 34)

typedef struct histogram {
  uint64_t counts[HISTOGRAM_BUCKETS];
  uint64_t max;
} histogram;

static inline uint32_t histogram_bucket(uint64_t us) {
  if (us < 256) return (uint32_t)us;
  const uint32_t shift = 63 - (uint32_t)__builtin_clzll(us) - 7;
  const uint32_t bucket = shift * 128 + (uint32_t)(us >> shift);
  return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

static inline void histogram_add(histogram *h, uint64_t us) {
  h->counts[histogram_bucket(us)]++;
  if (us > h->max) h->max = us;
}

static inline void histogram_clear(histogram *h) { memset(h, 0, sizeof *h); }

// {"max":us,"buckets":[[index,count],...]}
static inline void histogram_print(const histogram *h, FILE *out) {
  fprintf(out, "{\"max\":%llu,\"buckets\":[", (unsigned long long)h->max);
  const char *comma = "";
  for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
    if (h->counts[i] == 0) continue;
    fprintf(out, "%s[%u,%llu]", comma, i, (unsigned long long)h->counts[i]);
    comma = ",";
  }
  fprintf(out, "]}");
}

#endif
