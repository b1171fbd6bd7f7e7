// The cost of the archive's formats in C: Ogg pages by libogg, checksums by zlib. Reads a file of
// packets, each preceded by its length (32 bits, little-endian), and repeats the same work ROUNDS
// times. Prints the CPU seconds of all rounds together.
//   format ogg|crc FILE ROUNDS
#include <ogg/ogg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

enum { PACKETS_MAX = 1 << 20, PAGE_PACKETS = 50, PACKET_SAMPLES = 960 };

static unsigned char *bytes;
static size_t length;
static size_t starts[PACKETS_MAX];
static uint32_t lengths[PACKETS_MAX];
static size_t packets;

static void fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static void read_packets(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) fail("cannot open the file");
  fseek(file, 0, SEEK_END);
  length = (size_t)ftell(file);
  rewind(file);
  bytes = malloc(length);
  if (bytes == NULL || fread(bytes, 1, length, file) != length) fail("cannot read the file");
  fclose(file);
  for (size_t at = 0; at + 4 <= length; packets++) {
    if (packets == PACKETS_MAX) fail("too many packets");
    memcpy(&lengths[packets], bytes + at, 4);
    starts[packets] = at + 4;
    at += 4 + lengths[packets];
  }
}

/** Puts all packets into pages of 50, as Hayate does, and collects the file. Returns its length. */
static size_t mux(unsigned char *out) {
  ogg_stream_state stream;
  ogg_page page;
  size_t written = 0;
  ogg_stream_init(&stream, 1);
  for (size_t i = 0; i < packets; i++) {
    ogg_packet packet = {.packet = bytes + starts[i],
                         .bytes = (long)lengths[i],
                         .b_o_s = i == 0,
                         .e_o_s = i + 1 == packets,
                         .granulepos = (ogg_int64_t)(i + 1) * PACKET_SAMPLES,
                         .packetno = (ogg_int64_t)i};
    if (ogg_stream_packetin(&stream, &packet) != 0) fail("libogg takes no packet");
    if ((i + 1) % PAGE_PACKETS != 0 && i + 1 != packets) continue;
    while (ogg_stream_flush(&stream, &page) != 0) {
      memcpy(out + written, page.header, (size_t)page.header_len);
      written += (size_t)page.header_len;
      memcpy(out + written, page.body, (size_t)page.body_len);
      written += (size_t)page.body_len;
    }
  }
  ogg_stream_clear(&stream);
  return written;
}

static double cpu_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int count, char **values) {
  if (count != 4) fail("format ogg|crc FILE ROUNDS");
  read_packets(values[2]);
  const long rounds = atol(values[3]);
  unsigned char *out = malloc(length * 2 + 65536);
  if (out == NULL) fail("no memory");
  uint64_t sum = 0;
  const double begin = cpu_seconds();
  for (long round = 0; round < rounds; round++) {
    if (strcmp(values[1], "ogg") == 0) sum += mux(out);
    else sum += crc32(0, bytes, (uInt)length);
  }
  printf("{\"cpuSeconds\":%.6f,\"sum\":%llu}\n", cpu_seconds() - begin, (unsigned long long)sum);
  return 0;
}
