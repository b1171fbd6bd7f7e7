// What the parts of the load client share: a viewer (what is counted), its connections (one, or two while it moves), the
// dialect they speak, and the totals.
#ifndef HAYATE_BENCH_LOAD_H
#define HAYATE_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram.h"
#include "mark.h"

typedef struct connection connection;

// One viewer, over all connections it has had.
typedef struct viewer {
  uint32_t index;
  uint32_t stream;
  uint32_t target;
  // Marks.
  bool seen;
  uint64_t last_sequence;
  uint64_t last_us;
  uint64_t deliveries;
  // Hayate: the last frame, for receipts and for coming back.
  uint64_t epoch;
  uint64_t next_frame;
  connection *current;
  // The connection it moves to.
  connection *next;
  // Reconnecting: when, and how often it has failed in a row.
  uint64_t retry_us;
  uint32_t failures;
} viewer;

typedef enum { CONNECTING, UPGRADING, GREETING, READY } connection_state;

struct connection {
  int fd;
  connection_state state;
  viewer *owner;
  // It says where it left off: older marks are no error.
  bool resumed;
  bool going_away;
  // To be closed at the end of this round of events, some of which may still name it.
  bool broken;
  connection *next_broken;
  // Hayate: something arrived since the last receipt; when that was sent, and how long until the next may be.
  bool receipt_due;
  uint64_t receipt_us, receipt_interval_us;
  // When anything was last sent.
  uint64_t sent_us;
  // A message that is not complete yet.
  uint8_t *partial;
  size_t partial_bytes;
};

// How a protocol begins and what it asks of a client. Every message is searched for marks, whatever the dialect.
typedef struct dialect {
  const char *name;
  const char *subprotocol;
  // The upgrade has been answered: sends the first messages. Sets READY if nothing more is needed.
  void (*upgraded)(connection *c);
  // A complete message.
  void (*message)(connection *c, const uint8_t *bytes, size_t length, bool text);
  // About four times a second.
  void (*tick)(connection *c, uint64_t now);
} dialect;

extern const dialect *const dialects[];

typedef struct totals {
  uint64_t since_us, deliveries, messages, bytes;
  // Sequences that were skipped; that came twice on one connection; that came again on another one.
  uint64_t lost, doubles, overlap;
  uint64_t wrong_stream, malformed, ended;
  // Frames that Hayate's Gap messages named, by reason: 1 lost, 2 slow, 3 expired.
  uint64_t gaps[4];
  uint64_t reconnects, moves, resets;
  uint64_t closes[5000];
  histogram latency;
  // Time between deliveries at a viewer.
  histogram pauses;
} totals;

typedef struct settings {
  const dialect *speaks;
  const char *path;
  const char *stream_prefix;
  const char *token;
  uint32_t connections, streams, targets;
  bool reconnect;
} settings;

extern settings config;
extern totals total;

// The connection can be used: counts it as open.
void connection_ready(connection *c);
// The connection is over.
void connection_break(connection *c);
// Another connection takes this one's place.
void connection_move(connection *c);
// Sends one masked message (opcode 1 text, 2 binary). A peer that does not take it is cut off and counted.
void connection_send(connection *c, uint8_t opcode, const void *bytes, size_t length);

#endif
