// The floor: the least that fan-out can cost on this kernel. One thread, epoll and a timerfd. Each
// payload is framed once for its stream and written by one send() to each viewer. The program has
// no receipts, no queue and no limits. It cuts off and counts a viewer that does not accept a whole
// message, because a floor that dropped silently would be no floor. In: --streams --rate --bytes,
// and lines on standard input: go, halt. Out: {"port":N} when it listens. The stream is the number
// at the end of the request's path.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "../load/mark.h"
#include "accept-key.h"

#define BYTES_MAX 60000

// A stream's viewers, by descriptor.
typedef struct stream {
  int *viewers;
  uint32_t count, capacity;
  uint64_t sequence, due_us;
} stream;

static stream *streams;
static uint32_t stream_count = 1, rate = 50, payload_bytes = 640, cut_off;
static uint8_t message[4 + BYTES_MAX];
static bool going;
static int epoll, timer;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void arm(void) {
  uint64_t due = UINT64_MAX;
  for (uint32_t i = 0; i < stream_count; i++)
    if (streams[i].due_us < due) due = streams[i].due_us;
  const struct itimerspec at = {.it_value = {(time_t)(due / 1000000u), (long)(due % 1000000u) * 1000}};
  const struct itimerspec never = {0};
  timerfd_settime(timer, TFD_TIMER_ABSTIME, going ? &at : &never, NULL);
}

static void go(bool on) {
  going = on;
  const uint64_t now = now_us(), period = 1000000u / rate;
  // Streams are out of step with one another.
  for (uint32_t i = 0; i < stream_count; i++) streams[i].due_us = now + period + period * i / stream_count;
  arm();
}

static void fan_out(uint32_t index, uint64_t now) {
  stream *s = &streams[index];
  const uint32_t header = payload_bytes < 126 ? 2 : 4;
  message[0] = 0x82;
  if (header == 2) {
    message[1] = (uint8_t)payload_bytes;
  } else {
    message[1] = 126;
    message[2] = (uint8_t)(payload_bytes >> 8);
    message[3] = (uint8_t)payload_bytes;
  }
  const mark m = {.sequence = s->sequence++, .sent_us = now, .stream = index, .payload_bytes = payload_bytes};
  mark_write(message + header, &m);
  const ssize_t bytes = (ssize_t)(header + payload_bytes);
  for (uint32_t i = 0; i < s->count;) {
    if (send(s->viewers[i], message, (size_t)bytes, MSG_NOSIGNAL | MSG_DONTWAIT) == bytes) {
      i++;
      continue;
    }
    cut_off++;
    close(s->viewers[i]);
    s->viewers[i] = s->viewers[--s->count];
  }
}

static void on_timer(void) {
  uint64_t expirations;
  if (read(timer, &expirations, sizeof expirations) <= 0) return;
  for (uint32_t i = 0; i < stream_count; i++) {
    const uint64_t now = now_us();
    if (streams[i].due_us > now) continue;
    fan_out(i, now);
    streams[i].due_us += 1000000u / rate;
    // Too slow for the rate: sends less, not more at once.
    if (streams[i].due_us < now) streams[i].due_us = now;
  }
  arm();
}

// Assumes that the upgrade request comes in one piece, as the load client sends it.
static void on_readable(int fd) {
  char request[2048], response[256], accept[29];
  const ssize_t got = recv(fd, request, sizeof request - 1, 0);
  if (got <= 0) {
    for (uint32_t i = 0; i < stream_count; i++)
      for (uint32_t j = 0; j < streams[i].count; j++)
        if (streams[i].viewers[j] == fd) streams[i].viewers[j--] = streams[i].viewers[--streams[i].count];
    close(fd);
    return;
  }
  request[got] = 0;
  const char *key = strcasestr(request, "\r\nSec-WebSocket-Key: ");
  if (strncmp(request, "GET /", 5) != 0 || key == NULL) return;
  key += 21;
  accept_key(key, strcspn(key, "\r"), accept);
  const char *digits = request + 4 + strcspn(request + 4, "0123456789 ");
  const uint32_t index = (uint32_t)atoi(digits);
  if (index >= stream_count) return;
  const int length = snprintf(response, sizeof response,
                              "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Accept: %s\r\n\r\n",
                              accept);
  if (send(fd, response, (size_t)length, MSG_NOSIGNAL) != length) return;
  stream *s = &streams[index];
  if (s->count == s->capacity) {
    s->capacity = s->capacity ? s->capacity * 2 : 64;
    s->viewers = realloc(s->viewers, s->capacity * sizeof *s->viewers);
    if (s->viewers == NULL) fail("memory");
  }
  s->viewers[s->count++] = fd;
}

static void on_connection(int listener) {
  int fd;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll");
  }
}

static void on_input(void) {
  char line[64];
  const ssize_t got = read(STDIN_FILENO, line, sizeof line - 1);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) exit(cut_off == 0 ? 0 : 2);
  line[got] = 0;
  // If several lines came, the last counts.
  const char *last = line + got - 1;
  while (last > line && last[-1] != '\n') last--;
  go(strncmp(last, "go", 2) == 0);
}

int main(int count, char **arguments) {
  for (int i = 1; i + 1 < count; i += 2) {
    const uint32_t value = (uint32_t)atoi(arguments[i + 1]);
    if (strcmp(arguments[i], "--streams") == 0) stream_count = value;
    else if (strcmp(arguments[i], "--rate") == 0) rate = value;
    else if (strcmp(arguments[i], "--bytes") == 0) payload_bytes = value;
  }
  if (stream_count == 0 || rate == 0 || payload_bytes < MARK_BYTES || payload_bytes > BYTES_MAX) return 1;
  streams = calloc(stream_count, sizeof *streams);
  if (streams == NULL) fail("memory");
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 4096) != 0) fail("listen");
  getsockname(listener, (struct sockaddr *)&address, &size);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
  const int sources[] = {listener, timer, STDIN_FILENO};
  for (int i = 0; i < 3; i++) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = sources[i]};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, sources[i], &event) != 0) fail("epoll");
  }
  printf("{\"port\":%u}\n", ntohs(address.sin_port));
  fflush(stdout);
  for (;;) {
    struct epoll_event events[256];
    const int happened = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < happened; i++) {
      const int fd = events[i].data.fd;
      if (fd == timer) on_timer();
      else if (fd == listener) on_connection(listener);
      else if (fd == STDIN_FILENO) on_input();
      else on_readable(fd);
    }
  }
}
