// Declarations that the parts of the load client share: a viewer with its counts, its connections
// (one, or two while it moves), the dialect they speak, and the totals.
#ifndef HAYATE_BENCH_LOAD_H
#define HAYATE_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram.h"
#include "mark.h"

typedef struct connection connection;

// One viewer, over all its connections.
typedef struct viewer {
  uint32_t index;
  uint32_t stream;
  uint32_t target;
  // Marks.
  bool seen;
  uint64_t last_sequence;
  uint64_t last_us;
  uint64_t deliveries;
  // Hayate: the last frame, for receipts and for resuming.
  uint64_t epoch;
  uint64_t next_frame;
  connection *current;
  // The connection that the viewer moves to.
  connection *next;
  // Reconnecting: the time of the next attempt, and the failures in a row.
  uint64_t retry_us;
  uint32_t failures;
} viewer;

typedef enum { CONNECTING, UPGRADING, GREETING, READY } connection_state;

struct connection {
  int fd;
  connection_state state;
  viewer *owner;
  // The client told the server where it left off, so older marks are no error.
  bool resumed;
  bool going_away;
  // To be closed at the end of this round of events. Later events of the round may still name it.
  bool broken;
  connection *next_broken;
  // Hayate: whether something arrived since the last receipt, the time of that receipt, and the
  // shortest interval between two receipts.
  bool receipt_due;
  uint64_t receipt_us, receipt_interval_us;
  // When the client last sent anything.
  uint64_t sent_us;
  // A message that is not complete yet.
  uint8_t *partial;
  size_t partial_bytes;
};

// How a protocol begins and which duties a client has. The client searches every message for
// marks, whatever the dialect.
typedef struct dialect {
  const char *name;
  const char *subprotocol;
  // Called when the upgrade has been answered. Sends the first messages. Sets READY if nothing more
  // is needed.
  void (*upgraded)(connection *c);
  // Called with each complete message.
  void (*message)(connection *c, const uint8_t *bytes, size_t length, bool text);
  // Called about four times a second.
  void (*tick)(connection *c, uint64_t now);
} dialect;

extern const dialect *const dialects[];

typedef struct totals {
  uint64_t since_us, deliveries, messages, bytes;
  // Sequences that were skipped, that came twice on one connection, and that came again on another
  // connection.
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

// Marks the connection as usable and counts it as open.
void connection_ready(connection *c);
// Ends the connection.
void connection_break(connection *c);
// Replaces this connection by another one.
void connection_move(connection *c);
// Sends one masked message (opcode 1 text, 2 binary). Cuts off and counts a peer that does not
// accept it.
void connection_send(connection *c, uint8_t opcode, const void *bytes, size_t length);

#endif
