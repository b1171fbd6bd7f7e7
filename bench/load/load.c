// The load client: one thread and epoll. It opens viewers' WebSocket connections to servers on this
// machine and speaks one dialect. From the marks in the messages it counts, for each viewer,
// deliveries, skipped sequences and duplicates, and measures latency. In: flags (below), and
// commands on standard input, one a line: open, measure, report, quit. Out: a line of JSON for each
// command. It exits at the end of its input and after --seconds-max.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "load.h"
#include "websocket.h"

// Limits concurrent handshakes, because the benchmark does not measure the listen backlog.
#define HANDSHAKES_MAX 128
// A source address has about 28,000 ports.
#define CONNECTIONS_PER_ADDRESS 20000
#define TARGETS_MAX 64
#define READ_BYTES (1u << 20)
#define TICK_US 10000u
// Each connection is ticked every 250 ms.
#define SLICES 25u
#define RETRY_US_MAX 15000000u

settings config = {.path = "/", .stream_prefix = "bench-", .token = "", .connections = 1, .streams = 1};
totals total;

static struct sockaddr_in targets[TARGETS_MAX];
static viewer *viewers;
// Highest sequence of each stream that any viewer has seen.
static uint64_t *newest;
static int epoll;
static uint32_t handshakes, ready, opened;
static connection *broken;
static bool opening;
static long poll_us;
static uint8_t buffer[READ_BYTES];

static void fail(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, errno ? strerror(errno) : "wrong");
  exit(1);
}

// --- connections ---

static connection *connection_open(viewer *v) {
  connection *c = calloc(1, sizeof *c);
  if (c == NULL) fail("memory");
  c->owner = v;
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c->fd < 0) fail("socket");
  const int on = 1;
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  struct sockaddr_in from = {.sin_family = AF_INET};
  from.sin_addr.s_addr = htonl(0x7f000101u + v->index / CONNECTIONS_PER_ADDRESS);
  if (bind(c->fd, (struct sockaddr *)&from, sizeof from) != 0) fail("bind");
  if (connect(c->fd, (struct sockaddr *)&targets[v->target], sizeof targets[0]) != 0 && errno != EINPROGRESS) fail("connect");
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event) != 0) fail("epoll");
  handshakes++;
  return c;
}

static void retry(viewer *v) {
  // Reconnects to the next server: at once the first time, then after 0.5 s, 1 s, 2 s ...
  // (spec/wire.md, "Reconnecting").
  const uint32_t failures = v->failures++;
  v->target = (v->target + 1) % config.targets;
  total.reconnects++;
  if (failures == 0) {
    v->current = connection_open(v);
    return;
  }
  const uint64_t wait = 250000u << (failures < 6 ? failures : 6);
  v->retry_us = now_us() + (wait < RETRY_US_MAX ? wait : RETRY_US_MAX);
}

static void connection_close(connection *c) {
  viewer *v = c->owner;
  if (c->state == READY) ready--;
  else handshakes--;
  close(c->fd);
  if (v->next == c) v->next = NULL;
  if (v->current == c) {
    v->current = v->next;
    v->next = NULL;
    if (v->current == NULL && config.reconnect) retry(v);
  }
  free(c->partial);
  free(c);
}

void connection_break(connection *c) {
  if (c->broken) return;
  c->broken = true;
  c->next_broken = broken;
  broken = c;
}

static void close_broken(void) {
  while (broken != NULL) {
    connection *c = broken;
    broken = c->next_broken;
    connection_close(c);
  }
}

void connection_ready(connection *c) {
  viewer *v = c->owner;
  c->state = READY;
  handshakes--;
  ready++;
  v->failures = 0;
  if (v->next != c) return;
  connection *old = v->current;
  v->current = c;
  v->next = NULL;
  if (old != NULL) connection_break(old);
}

void connection_move(connection *c) {
  viewer *v = c->owner;
  v->target = (v->target + 1) % config.targets;
  v->next = connection_open(v);
  total.moves++;
}

void connection_send(connection *c, uint8_t opcode, const void *bytes, size_t length) {
  static uint8_t frame[8192];
  static uint32_t mask = 0x9e3779b9;
  mask = mask * 1664525u + 1013904223u;
  const size_t frame_bytes = ws_masked(frame, opcode, bytes, length, mask);
  c->sent_us = now_us();
  if (send(c->fd, frame, frame_bytes, MSG_NOSIGNAL) != (ssize_t)frame_bytes) {
    total.resets++;
    connection_break(c);
  }
}

static void connected(connection *c) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    total.resets++;
    connection_break(c);
    return;
  }
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event);
  // "{}" in the path stands for the stream's number.
  char path[512], request[1024], host[32], address[INET_ADDRSTRLEN];
  const char *hole = strstr(config.path, "{}");
  if (hole == NULL) snprintf(path, sizeof path, "%s", config.path);
  else snprintf(path, sizeof path, "%.*s%u%s", (int)(hole - config.path), config.path, c->owner->stream, hole + 2);
  const struct sockaddr_in *to = &targets[c->owner->target];
  snprintf(host, sizeof host, "%s:%u", inet_ntop(AF_INET, &to->sin_addr, address, sizeof address), ntohs(to->sin_port));
  const int length = ws_request(request, sizeof request, path, host, config.speaks->subprotocol);
  if (send(c->fd, request, (size_t)length, MSG_NOSIGNAL) != length) connection_break(c);
  c->state = UPGRADING;
}

// --- accounting ---

static void delivered(connection *c, const mark *m, uint64_t now) {
  viewer *v = c->owner;
  if (m->stream != v->stream) {
    total.wrong_stream++;
    return;
  }
  if (v->seen && m->sequence <= v->last_sequence) {
    if (c->resumed || v->next != NULL) total.overlap++;
    else total.doubles++;
    return;
  }
  if (v->seen) {
    total.lost += m->sequence - v->last_sequence - 1;
    if (v->last_us >= total.since_us) histogram_add(&total.pauses, now - v->last_us);
  }
  v->seen = true;
  v->last_sequence = m->sequence;
  v->last_us = now;
  v->deliveries++;
  if (m->sequence > newest[v->stream]) newest[v->stream] = m->sequence;
  total.deliveries++;
  histogram_add(&total.latency, now > m->sent_us ? now - m->sent_us : 0);
}

static void search_marks(connection *c, const uint8_t *at, uint64_t length, uint64_t now) {
  const uint8_t *const end = at + length;
  while ((at = memmem(at, (size_t)(end - at), MARK_MAGIC, MARK_MAGIC_BYTES)) != NULL) {
    if (end - at < MARK_BYTES) {
      total.malformed++;
      return;
    }
    mark m;
    mark_read(at, &m);
    if (m.payload_bytes < MARK_BYTES || m.payload_bytes > (uint64_t)(end - at)) {
      total.malformed++;
      return;
    }
    delivered(c, &m, now);
    at += m.payload_bytes;
  }
}

// --- reading ---

static void take_frame(connection *c, const ws_frame *f, uint64_t now) {
  if (f->opcode == WS_PING) {
    connection_send(c, WS_PONG, f->payload, f->payload_bytes);
  } else if (f->opcode == WS_CLOSE) {
    const uint32_t code = f->payload_bytes >= 2 ? (uint32_t)(f->payload[0] << 8 | f->payload[1]) : 1005;
    total.closes[code < 5000 ? code : 0]++;
    connection_break(c);
  } else if (!f->whole) {
    // No contestant splits messages. A split message would be measured wrongly, so it is counted.
    total.malformed++;
  } else if (f->opcode != WS_PONG) {
    total.messages++;
    total.bytes += f->payload_bytes;
    search_marks(c, f->payload, f->payload_bytes, now);
    config.speaks->message(c, f->payload, f->payload_bytes, f->opcode == WS_TEXT);
  }
}

// Returns how many bytes of `at` it has consumed.
static size_t take_response(connection *c, const uint8_t *at, size_t bytes) {
  const uint8_t *end = memmem(at, bytes, "\r\n\r\n", 4);
  if (end == NULL) return 0;
  if (bytes < 12 || memcmp(at, "HTTP/1.1 101", 12) != 0) {
    total.resets++;
    connection_break(c);
    return bytes;
  }
  c->state = GREETING;
  config.speaks->upgraded(c);
  return (size_t)(end + 4 - at);
}

static void readable(connection *c) {
  size_t have = c->partial_bytes;
  if (have > 0) memcpy(buffer, c->partial, have);
  const ssize_t got = recv(c->fd, buffer + have, READ_BYTES - have, 0);
  if (got <= 0) {
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    total.closes[1006]++;
    connection_break(c);
    return;
  }
  have += (size_t)got;
  const uint64_t now = now_us();
  size_t at = 0;
  if (c->state == UPGRADING && (at = take_response(c, buffer, have)) == 0) goto keep;
  while (!c->broken) {
    ws_frame frame;
    const int64_t bytes = ws_read(buffer + at, have - at, &frame);
    if (bytes == 0) break;
    if (bytes < 0) {
      total.malformed++;
      connection_break(c);
      return;
    }
    take_frame(c, &frame, now);
    at += (size_t)bytes;
  }
keep:
  c->partial_bytes = have - at;
  if (c->partial_bytes == READ_BYTES) fail("a message larger than its buffer");
  free(c->partial);
  c->partial = NULL;
  if (c->partial_bytes == 0) return;
  c->partial = malloc(c->partial_bytes);
  if (c->partial == NULL) fail("memory");
  memcpy(c->partial, buffer + at, c->partial_bytes);
}

// --- commands and time ---

static void begin_measuring(void) {
  memset(&total, 0, sizeof total);
  total.since_us = now_us();
  for (uint32_t i = 0; i < config.connections; i++) viewers[i].deliveries = 0;
  printf("{\"event\":\"measure\"}\n");
}

static void report(void) {
  const uint64_t now = now_us();
  uint64_t silent = 0, behind = 0, least = UINT64_MAX, most = 0, longest = total.pauses.max;
  for (uint32_t i = 0; i < config.connections; i++) {
    const viewer *v = &viewers[i];
    if (v->deliveries == 0) silent++;
    if (v->seen) behind += newest[v->stream] - v->last_sequence;
    if (v->deliveries < least) least = v->deliveries;
    if (v->deliveries > most) most = v->deliveries;
  }
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  printf("{\"event\":\"report\",\"us\":%llu", (unsigned long long)(now - total.since_us));
  const struct {
    const char *name;
    uint64_t value;
  } numbers[] = {
      {"ready", ready},           {"deliveries", total.deliveries}, {"messages", total.messages},
      {"bytes", total.bytes},     {"lost", total.lost},             {"doubles", total.doubles},
      {"overlap", total.overlap}, {"wrongStream", total.wrong_stream}, {"malformed", total.malformed},
      {"ended", total.ended},     {"silent", silent},               {"behind", behind},
      {"least", least},           {"most", most},                   {"longestPauseUs", longest},
      {"gapsLost", total.gaps[1] + total.gaps[0]}, {"gapsSlow", total.gaps[2]}, {"gapsExpired", total.gaps[3]},
      {"reconnects", total.reconnects}, {"moves", total.moves},     {"resets", total.resets},
      {"cpuUs", (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000u +
                    (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)},
  };
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
    printf(",\"%s\":%llu", numbers[i].name, (unsigned long long)numbers[i].value);
  printf(",\"closes\":{");
  const char *comma = "";
  for (uint32_t code = 0; code < 5000; code++) {
    if (total.closes[code] == 0) continue;
    printf("%s\"%u\":%llu", comma, code, (unsigned long long)total.closes[code]);
    comma = ",";
  }
  printf("},\"latency\":");
  histogram_print(&total.latency, stdout);
  printf(",\"pauses\":");
  histogram_print(&total.pauses, stdout);
  printf("}\n");
}

static void open_more(void) {
  while (opening && opened < config.connections && handshakes < HANDSHAKES_MAX) {
    viewers[opened].current = connection_open(&viewers[opened]);
    opened++;
  }
  if (!opening || opened < config.connections || handshakes > 0) return;
  opening = false;
  printf("{\"event\":\"open\",\"ready\":%u,\"failed\":%u}\n", ready, config.connections - ready);
}

static void tick(void) {
  static uint32_t slice;
  const uint64_t now = now_us();
  slice = (slice + 1) % SLICES;
  for (uint32_t i = slice; i < opened; i += SLICES) {
    viewer *v = &viewers[i];
    connection *c = v->current;
    if (c == NULL) {
      if (v->retry_us == 0 || now < v->retry_us || handshakes >= HANDSHAKES_MAX) continue;
      v->retry_us = 0;
      v->current = connection_open(v);
    } else if (c->state == READY && !c->broken) {
      config.speaks->tick(c, now);
    }
  }
}

static void command(void) {
  static char line[256];
  static size_t used;
  const ssize_t got = read(STDIN_FILENO, line + used, sizeof line - 1 - used);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) exit(0);
  used += (size_t)got;
  char *end;
  while ((end = memchr(line, '\n', used)) != NULL) {
    *end = 0;
    if (strcmp(line, "open") == 0) opening = true;
    else if (strcmp(line, "measure") == 0) begin_measuring();
    else if (strcmp(line, "report") == 0) report();
    else if (strcmp(line, "quit") == 0) exit(0);
    else fprintf(stderr, "load: unknown command %s\n", line);
    used -= (size_t)(end + 1 - line);
    memmove(line, end + 1, used);
  }
  if (used == sizeof line - 1) used = 0;
}

static void parse_target(char *list) {
  for (char *one = strtok(list, ","); one != NULL; one = strtok(NULL, ",")) {
    char *colon = strchr(one, ':');
    if (colon == NULL || config.targets == TARGETS_MAX) fail(one);
    *colon = 0;
    struct sockaddr_in *to = &targets[config.targets++];
    to->sin_family = AF_INET;
    to->sin_port = htons((uint16_t)atoi(colon + 1));
    if (inet_pton(AF_INET, one, &to->sin_addr) != 1) fail(one);
    // The client sends load only to this machine.
    if ((ntohl(to->sin_addr.s_addr) >> 24) != 127) fail("a target that is not loopback");
  }
}

static void parse(int count, char **arguments) {
  unsigned seconds = 600;
  for (int i = 1; i < count; i++) {
    const char *name = arguments[i];
    if (strcmp(name, "--reconnect") == 0) {
      config.reconnect = true;
      continue;
    }
    char *value = i + 1 < count ? arguments[++i] : "";
    if (strcmp(name, "--dialect") == 0) {
      for (int d = 0; dialects[d] != NULL; d++)
        if (strcmp(dialects[d]->name, value) == 0) config.speaks = dialects[d];
    } else if (strcmp(name, "--targets") == 0) parse_target(value);
    else if (strcmp(name, "--path") == 0) config.path = value;
    else if (strcmp(name, "--stream-prefix") == 0) config.stream_prefix = value;
    else if (strcmp(name, "--token") == 0) config.token = value;
    else if (strcmp(name, "--connections") == 0) config.connections = (uint32_t)atoi(value);
    else if (strcmp(name, "--streams") == 0) config.streams = (uint32_t)atoi(value);
    else if (strcmp(name, "--poll-us") == 0) poll_us = atoi(value);
    else if (strcmp(name, "--seconds-max") == 0) seconds = (unsigned)atoi(value);
    else fail(name);
  }
  if (config.speaks == NULL || config.targets == 0 || config.connections == 0 || config.streams == 0) fail("flags");
  if (poll_us < 0 || poll_us >= 1000000) fail("--poll-us");
  if (strlen(config.token) > 3800) fail("--token");
  alarm(seconds);
}

int main(int count, char **arguments) {
  parse(count, arguments);
  setvbuf(stdout, NULL, _IOLBF, 1 << 16);
  viewers = calloc(config.connections, sizeof *viewers);
  newest = calloc(config.streams, sizeof *newest);
  if (viewers == NULL || newest == NULL) fail("memory");
  for (uint32_t i = 0; i < config.connections; i++) {
    viewers[i].index = i;
    viewers[i].stream = i % config.streams;
    // Viewers of a stream are spread over all servers.
    viewers[i].target = (i / config.streams) % config.targets;
  }
  epoll = epoll_create1(EPOLL_CLOEXEC);
  const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  const struct itimerspec every = {{0, TICK_US * 1000}, {0, TICK_US * 1000}};
  timerfd_settime(timer, 0, &every, NULL);
  static char is_timer, is_input;
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = &is_timer};
  epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event);
  event.data.ptr = &is_input;
  fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0) fail("standard input");

  for (;;) {
    struct epoll_event events[512];
    // With a timed sleep the server pays no wake-up for each message. See `pollUs` in
    // load-client.ts.
    if (poll_us > 0) clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){0, poll_us * 1000}, NULL);
    const int happened = epoll_wait(epoll, events, 512, poll_us > 0 ? 0 : -1);
    if (happened < 0 && errno != EINTR) fail("epoll_wait");
    bool ticked = false;
    for (int i = 0; i < happened; i++) {
      if (events[i].data.ptr == &is_timer) {
        uint64_t expirations;
        ticked = read(timer, &expirations, sizeof expirations) > 0;
        continue;
      }
      if (events[i].data.ptr == &is_input) {
        command();
        continue;
      }
      connection *c = events[i].data.ptr;
      if (c->broken) continue;
      if (c->state == CONNECTING) connected(c);
      else readable(c);
    }
    if (ticked) tick();
    close_broken();
    open_more();
  }
}
