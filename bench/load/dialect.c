// The protocols that the load client speaks: plain WebSocket, Hayate (spec/wire.md, "Watching"),
// Engine.IO 4 with Socket.IO 5 over it, and Centrifugo's Protobuf protocol. Each does the minimum
// that a well-behaved client must do.
#include <stdio.h>
#include <string.h>

#include "load.h"

#define TEXT 1
#define BINARY 2

// --- Protobuf, only the parts needed here ---

typedef struct field {
  uint32_t number, wire;
  uint64_t value;
  const uint8_t *bytes;
} field;

static const uint8_t *read_varint(const uint8_t *at, const uint8_t *end, uint64_t *value) {
  *value = 0;
  for (uint32_t shift = 0; at < end && shift < 64; shift += 7) {
    *value |= (uint64_t)(*at & 0x7f) << shift;
    if ((*at++ & 0x80) == 0) return at;
  }
  return NULL;
}

// Reads the next field. Returns NULL at the end and for malformed input. For wire type 2, `value`
// is the length.
static const uint8_t *read_field(const uint8_t *at, const uint8_t *end, field *f) {
  uint64_t tag;
  if (at >= end || (at = read_varint(at, end, &tag)) == NULL) return NULL;
  f->number = (uint32_t)(tag >> 3);
  f->wire = (uint32_t)(tag & 7);
  f->bytes = at;
  const size_t left = (size_t)(end - at);
  if (f->wire == 0) return read_varint(at, end, &f->value);
  if (f->wire == 1 && left >= 8) return memcpy(&f->value, at, 8), at + 8;
  if (f->wire == 5 && left >= 4) return f->value = 0, memcpy(&f->value, at, 4), at + 4;
  if (f->wire != 2 || (at = read_varint(at, end, &f->value)) == NULL || f->value > (uint64_t)(end - at)) return NULL;
  f->bytes = at;
  return at + f->value;
}

static uint8_t *write_varint(uint8_t *at, uint64_t value) {
  for (; value > 0x7f; value >>= 7) *at++ = (uint8_t)(value | 0x80);
  *at++ = (uint8_t)value;
  return at;
}

static uint8_t *write_bytes(uint8_t *at, uint32_t number, const void *bytes, size_t length) {
  at = write_varint(at, number << 3 | 2);
  at = write_varint(at, length);
  memcpy(at, bytes, length);
  return at + length;
}

static uint8_t *write_number(uint8_t *at, uint32_t number, uint64_t value) {
  return write_varint(write_varint(at, number << 3), value);
}

static uint8_t *write_fixed64(uint8_t *at, uint32_t number, uint64_t value) {
  at = write_varint(at, number << 3 | 1);
  memcpy(at, &value, 8);
  return at + 8;
}

static int stream_name(const connection *c, char *name, size_t size) {
  return snprintf(name, size, "%s%u", config.stream_prefix, c->owner->stream);
}

// --- plain ---

static void plain_upgraded(connection *c) { connection_ready(c); }
static void plain_message(connection *c, const uint8_t *bytes, size_t length, bool text) { (void)c, (void)bytes, (void)length, (void)text; }
static void plain_tick(connection *c, uint64_t now) { (void)c, (void)now; }

// --- Hayate ---

// A server must hear from a client at least every 15 s.
#define HAYATE_PING_US 10000000u

static void hayate_upgraded(connection *c) {
  char name[80];
  const int name_bytes = stream_name(c, name, sizeof name);
  uint8_t watch[4096], message[4200];
  uint8_t *at = write_bytes(watch, 1, name, (size_t)name_bytes);
  at = write_bytes(at, 2, config.token, strlen(config.token));
  if (c->owner->epoch != 0) {
    at = write_fixed64(at, 3, c->owner->epoch);
    at = write_number(at, 4, c->owner->next_frame);
    c->resumed = true;
  }
  uint8_t *end = write_bytes(message, 3, watch, (size_t)(at - watch));
  connection_send(c, BINARY, message, (size_t)(end - message));
}

// Reads the frame's sequence, for receipts. The wire omits a sequence of 0. The server writes
// fields in ascending order.
static void hayate_frame(connection *c, const uint8_t *at, const uint8_t *end) {
  field f;
  uint64_t sequence = 0;
  while ((at = read_field(at, end, &f)) != NULL && f.number <= 3) {
    if (f.number == 2 && f.value != c->owner->epoch) return;
    if (f.number == 3) sequence = f.value;
  }
  if (sequence >= c->owner->next_frame) c->owner->next_frame = sequence + 1;
  c->receipt_due = true;
}

static void hayate_watching(connection *c, const uint8_t *at, const uint8_t *end) {
  field f;
  uint64_t epoch = 0, next = 0, interval_ms = 250;
  while ((at = read_field(at, end, &f)) != NULL) {
    if (f.number == 1) epoch = f.value;
    if (f.number == 3) interval_ms = f.value;
    if (f.number == 4) next = f.value;
  }
  // Ticks come every 250 ms, with some jitter, so a receipt counts as due half a tick early.
  c->receipt_interval_us = interval_ms > 250 ? interval_ms * 1000 - 125000 : 0;
  if (epoch != 0 && epoch != c->owner->epoch) {
    c->owner->epoch = epoch;
    c->owner->next_frame = next;
  }
  if (c->state != READY) connection_ready(c);
}

static void hayate_gap(const uint8_t *at, const uint8_t *end) {
  field f;
  uint64_t first = 0, last = 0, reason = 0;
  while ((at = read_field(at, end, &f)) != NULL) {
    if (f.number == 1) first = f.value;
    if (f.number == 2) last = f.value;
    if (f.number == 3) reason = f.value;
  }
  if (last >= first) total.gaps[reason < 4 ? reason : 1] += last - first + 1;
}

static void hayate_message(connection *c, const uint8_t *at, size_t length, bool text) {
  const uint8_t *const end = at + length;
  field f;
  if (text) total.malformed++;
  while ((at = read_field(at, end, &f)) != NULL) {
    if (f.wire != 2) continue;
    if (f.number == 1) hayate_frame(c, f.bytes, f.bytes + f.value);
    else if (f.number == 3) hayate_watching(c, f.bytes, f.bytes + f.value);
    else if (f.number == 7) c->going_away = true;
    else if (f.number == 8) hayate_gap(f.bytes, f.bytes + f.value);
    else if (f.number == 10) total.ended++;
  }
  if (c->going_away && c->owner->next == NULL && c->owner->current == c) connection_move(c);
}

static void hayate_tick(connection *c, uint64_t now) {
  uint8_t receipt[32], message[40];
  uint8_t *end;
  if (c->receipt_due && now - c->receipt_us >= c->receipt_interval_us) {
    c->receipt_us = now;
    end = write_fixed64(receipt, 1, c->owner->epoch);
    end = write_number(end, 2, c->owner->next_frame - 1);
    end = write_bytes(message, 5, receipt, (size_t)(end - receipt));
    c->receipt_due = false;
  } else if (now - c->sent_us > HAYATE_PING_US) {
    end = write_number(receipt, 1, 1);
    end = write_bytes(message, 4, receipt, (size_t)(end - receipt));
  } else {
    return;
  }
  connection_send(c, BINARY, message, (size_t)(end - message));
}

// --- Engine.IO 4 and Socket.IO 5 ---

static void engine_upgraded(connection *c) { (void)c; }

static void engine_message(connection *c, const uint8_t *bytes, size_t length, bool text) {
  if (!text || length == 0) return;
  if (bytes[0] == '0') connection_send(c, TEXT, "40", 2);
  else if (bytes[0] == '2') connection_send(c, TEXT, "3", 1);
  else if (length >= 2 && memcmp(bytes, "40", 2) == 0) connection_ready(c);
  else if (length >= 2 && memcmp(bytes, "44", 2) == 0) total.malformed++;
}

// --- Centrifugo: commands and replies, each preceded by its length; an empty reply is a ping ---

static void centrifugo_upgraded(connection *c) {
  char channel[80];
  const int channel_bytes = stream_name(c, channel, sizeof channel);
  uint8_t subscribe[128], command[160], message[200];
  uint8_t *at = message;
  // Command {id 1, connect {}}
  at = write_varint(at, 4);
  at = write_number(at, 1, 1);
  at = write_bytes(at, 4, "", 0);
  // Command {id 2, subscribe {channel}}
  uint8_t *end = write_bytes(subscribe, 1, channel, (size_t)channel_bytes);
  uint8_t *command_end = write_number(command, 1, 2);
  command_end = write_bytes(command_end, 5, subscribe, (size_t)(end - subscribe));
  at = write_varint(at, (uint64_t)(command_end - command));
  memcpy(at, command, (size_t)(command_end - command));
  at += command_end - command;
  connection_send(c, BINARY, message, (size_t)(at - message));
}

static void centrifugo_message(connection *c, const uint8_t *at, size_t length, bool text) {
  const uint8_t *const end = at + length;
  uint64_t bytes;
  if (text) total.malformed++;
  while (at < end && (at = read_varint(at, end, &bytes)) != NULL && bytes <= (uint64_t)(end - at)) {
    if (bytes == 0) connection_send(c, BINARY, "", 1);
    field f;
    for (const uint8_t *inner = at; (inner = read_field(inner, at + bytes, &f)) != NULL;) {
      // Reply: field 2 is an error, field 6 the answer to subscribe.
      if (f.number == 2) total.malformed++;
      if (f.number == 6 && c->state != READY) connection_ready(c);
    }
    at += bytes;
  }
}

static const dialect plain = {"plain", NULL, plain_upgraded, plain_message, plain_tick};
static const dialect hayate = {"hayate", "hayate.v1", hayate_upgraded, hayate_message, hayate_tick};
static const dialect engine = {"engine", NULL, engine_upgraded, engine_message, plain_tick};
static const dialect centrifugo = {"centrifugo", "centrifuge-protobuf", centrifugo_upgraded, centrifugo_message, plain_tick};

const dialect *const dialects[] = {&plain, &hayate, &engine, &centrifugo, NULL};
