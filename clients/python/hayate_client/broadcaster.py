"""A broadcaster. In: voice, poses and events of the application. Out: frames, until they are durable.

Every frame is kept until a ticket vouches for it, so a broken connection loses none. New frames go
first; old ones follow at a pace. Source: spec/behaviour.md, "Publishing" (rules B1 to B13).
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .connection import TICKET_INVALID, UNSENT_BYTES_MAX, Client, Link, TokenSource, with_known_reason
from .gen.hayate.v1.frame_pb2 import KIND_AUDIO, KIND_EVENT, KIND_GAME, KIND_HEADER, KIND_MOTION, Frame
from .gen.hayate.v1.message_pb2 import (ClientMessage, End, Publish, Published, PublishLimits, Range,
                                        ServerMessage)
from .gen.hayate.v1.payload_pb2 import Audio, Event, StreamHeader
from .motion import Pose, QuantisedPose

HELD_S, HELD_EVENTS, IN_FLIGHT_BYTES, RESEND_BYTES, NEW_BYTES = 30.0, 4096, 16_384, 4_096, 65_536
#: Sequences of one declared range: fewer than the server's largest jump of 65,536.
RANGE_FRAMES = 32_768
#: Seconds of both rates that may be spent ahead: by new frames 9 s, by resent ones 1 s. The server grants 10 s.
NEW_AHEAD_S, RESEND_AHEAD_S = -8.0, 0.0
#: Samples without voice, 100 ms, that are silence; fewer are the encoder's jitter.
HOLE_SAMPLES = 4800
_DROPPABLE = frozenset({KIND_AUDIO, KIND_MOTION, KIND_GAME})


class OutboxFull(Exception):
    """4,096 events and headers wait to be acknowledged. The frame was not taken."""


class _Kept(NamedTuple):
    data: bytes
    kind: int
    made_at: float


class _Key(NamedTuple):
    sequence: int
    capture_us: int
    pose: QuantisedPose


class Broadcaster(Client):
    """Publishes one stream. Events: Published, Ack, Audience, Ended (messages) and Closed."""

    endpoint = "publish"
    answer = "published"

    def __init__(self, server: str, stream: str, token: str | TokenSource, header: StreamHeader,
                 on_event: Callable[[Any], None] = lambda event: None) -> None:
        super().__init__(server, stream, token, on_event)
        self.epoch = self.next_sequence = 0
        #: Frames that the application made and that will never be sent.
        self.dropped = 0
        self.limits = PublishLimits()
        self._header, self._header_at, self._header_error_us = header, 0.0, 0
        self._ticket, self._ending, self._end_sent = b"", False, False
        self._kept: OrderedDict[int, _Kept] = OrderedDict()
        self._declare: list[int] = []
        self._new: deque[int] = deque()
        self._backlog: deque[int] = deque()
        self._in_flight: deque[tuple[int, int]] = deque()
        self._spendable_s, self._spent_at = [1.0, 1.0], 0.0
        self._started_at = self._hello_at = 0.0
        self._begin()

    def capture_us(self) -> int:
        """Microseconds since the epoch began."""
        return round((time.monotonic() - self._started_at) * 1e6)

    def header(self, header: StreamHeader) -> int | None:
        """Replaces the HEADER, whole; the origin of the epoch is filled in."""
        self._header = header
        return self._send_header() if self.epoch and not self._ending else None

    def audio(self, packets: Sequence[bytes], level: int | None = None, participant: int = 0,
              position: int | None = None) -> int | None:
        """1 to 64 consecutive Opus packets that end now; `position` in 48 kHz samples. Without one
        they follow the packets before, or lie where the clock is after 100 ms without voice."""
        samples, end = sum(map(opus_samples, packets)), self._voice_ends.get(participant, 0)
        capture_us = max(0, self.capture_us() - samples * 125 // 6)
        if position is None:
            position = max(end, capture_us * 6 // 125 if capture_us * 6 // 125 > end + HOLE_SAMPLES else 0)
        if position < end or not 1 <= len(packets) <= 64:
            raise ValueError("voice must ascend, in frames of 1 to 64 packets")
        sequence = self.frame(KIND_AUDIO, Audio(packets=packets, level=level).SerializeToString(),
                              participant, capture_us=capture_us, position=position)
        self._voice_ends[participant] = position + (samples if sequence is not None else 0)
        return sequence

    def motion(self, pose: Pose, participant: int = 0) -> int | None:
        """A pose of now, as a key or as a delta over the participant's key."""
        quantised, now, key = pose.quantised(), self.capture_us(), self._keys.get(participant)
        gap_us = now - self._posed_us.get(participant, now)
        self._posed_us[participant] = now
        # A key also if the next pose, half a gap late, would come too late to be one.
        if key and now - key.capture_us + 3 * gap_us // 2 < 1000 * (self._header.motion.key_interval_ms or 1000):
            return self.frame(KIND_MOTION, quantised.payload(key.pose), participant, capture_us=now,
                              key_sequence=key.sequence)
        sequence = self.frame(KIND_MOTION, quantised.payload(), participant, key=True, capture_us=now)
        if sequence is not None:
            self._keys[participant] = _Key(sequence, now, quantised)
        return sequence

    def event(self, event: Event, participant: int = 0) -> int | None:
        """An event; viewers get it in order and never lose it."""
        return self.frame(KIND_EVENT, event.SerializeToString(), participant)

    def frame(self, kind: int, payload: bytes, participant: int = 0, *, key: bool = False,
              capture_us: int | None = None, position: int = 0, key_sequence: int = 0) -> int | None:
        """The sequence of a frame of any kind; None (and counted in `dropped`) before the epoch has
        begun and after `end`. Raises ValueError for a frame that is too big, and OutboxFull."""
        if not self.epoch or self._ending:
            self.dropped += 1
            return None
        sequence, bytes_max = self.next_sequence, self.limits.frame_bytes_max or 65_536
        data = Frame(
            stream=self.stream, epoch=self.epoch, sequence=sequence, kind=kind,  # type: ignore[arg-type]
            capture_us=self.capture_us() if capture_us is None else capture_us, flags=int(key),
            participant=participant, position=position, key_sequence=key_sequence,
            payload=payload).SerializeToString()
        if len(data) > bytes_max:
            raise ValueError(f"a frame of {len(data)} bytes; the server takes {bytes_max}")
        if kind not in _DROPPABLE and len(self._kept) >= HELD_EVENTS <= sum(
                kept.kind not in _DROPPABLE for kept in self._kept.values()):
            raise OutboxFull
        self._kept[sequence] = _Kept(data, kind, time.monotonic())
        (self._backlog if self.link is None else self._new).append(sequence)
        self.next_sequence += 1
        self.wake.set()
        return sequence

    def end(self) -> None:
        """Says that the broadcast is over; `run` returns when all frames are durable."""
        self._ending = True
        self.wake.set()

    def hello(self, token: str) -> ClientMessage:
        self._hello_at = time.monotonic()
        return ClientMessage(publish=Publish(stream=self.stream, token=token, ticket=self._ticket))

    def comes_back(self, code: int) -> bool:
        has_ticket, self._ticket = bool(self._ticket), b""
        return code == TICKET_INVALID and has_ticket

    def take(self, message: ServerMessage) -> None:
        if message.HasField("published"):
            self._published(message.published)
        if message.HasField("ack"):
            while self._in_flight and self._in_flight[0][0] < message.ack.next_sequence:
                self._in_flight.popleft()
            self._vouch(message.ack.ticket, message.ack.next_sequence)
            self.on_event(message.ack)
        if message.HasField("resend"):
            self._restart(message.resend.from_sequence)
        if message.HasField("audience"):
            self.on_event(message.audience)
        if message.HasField("ended"):
            self._ticket, self.over = b"", True
            self.on_event(with_known_reason(message.ended))

    async def pump(self) -> None:
        self._trim()
        clock, now = self.server_clock(), time.monotonic()
        if clock and now - self._header_at > 3 and 2 * clock[1] < self._header_error_us and not self._ending:
            self._send_header()
        while self.link is not None and self.link.unsent_bytes() < UNSENT_BYTES_MAX:
            message = self._next(self.link)
            if message is None:
                break
            await self.link.send(message)

    def _begin(self) -> None:
        self._kept.clear()
        self._keys: dict[int, _Key] = {}
        self._posed_us: dict[int, int] = {}
        self._voice_ends: dict[int, int] = {}

    def _published(self, published: Published) -> None:
        begins = published.epoch != self.epoch
        self.clock(self._hello_at, time.monotonic(), published.server_unix_us)
        self.limits.CopyFrom(published.limits)
        self._spendable_s = [1.0, 1.0]
        self._keys.clear()
        self._new.clear()
        if begins:
            self.dropped += len(self._kept)
            self.epoch, self.next_sequence, self._started_at = published.epoch, 0, time.monotonic()
            self._begin()
        self._vouch(published.ticket, published.next_sequence)
        self._restart(published.next_sequence)
        if begins:
            ending, self._ending = self._ending, False  # Even an epoch that ends at once has a HEADER.
            self._send_header()
            self._ending = ending
        self.on_event(published)

    def _send_header(self) -> int | None:
        offset_us, self._header_error_us = self.server_clock() or (0, 0)
        self._header_at = time.monotonic()
        header = StreamHeader(origin_unix_us=max(0, offset_us + round(self._started_at * 1e6)),
                              origin_error_us=min(self._header_error_us, 2 ** 32 - 1))
        header.MergeFrom(self._header)
        return self.frame(KIND_HEADER, header.SerializeToString())

    def _vouch(self, ticket: bytes, next_sequence: int) -> None:
        """Takes a ticket, and forgets the frames that it vouches for."""
        self._ticket = ticket or self._ticket
        while ticket and self._kept and (first := next(iter(self._kept))) < next_sequence:
            del self._kept[first]

    def _restart(self, start: int) -> None:
        """What this connection owes from `start` on: frames to send again, sequences to declare."""
        new = set(self._new)
        self._backlog = deque(n for n in self._kept if n >= start and n not in new)
        self._declare = [n for n in range(start, self.next_sequence) if n not in self._kept]
        self._in_flight.clear()
        self._end_sent = False

    def _trim(self) -> None:
        """Drops voice and poses that are older than 30 s, and declares them."""
        oldest = time.monotonic() - HELD_S
        old = [n for n, kept in self._kept.items() if kept.made_at < oldest and kept.kind in _DROPPABLE]
        for sequence in old:
            del self._kept[sequence]
        self._declare += old
        self.dropped += len(old)

    def _next(self, link: Link) -> ClientMessage | None:
        """The next message of this connection, if one may be sent now."""
        if self._declare:
            dropped, self._declare = ranges(self._declare), []
            return ClientMessage(dropped=dropped)
        frames = self._frames(self._new, NEW_BYTES, NEW_AHEAD_S)
        if not frames and not link.unsent_bytes() and sum(size for _, size in self._in_flight) < IN_FLIGHT_BYTES:
            frames = self._frames(self._backlog, RESEND_BYTES, RESEND_AHEAD_S)
            self._in_flight.extend((sequence, len(data)) for sequence, data in frames)
        if frames:
            return ClientMessage(frames=[data for _, data in frames])
        if not self._ending or self._backlog or self._new or self._end_sent:
            return None
        self._end_sent = True
        return ClientMessage(end=End(next_sequence=self.next_sequence))

    def _frames(self, queue: deque[int], bytes_max: int, ahead_s: float) -> list[tuple[int, bytes]]:
        """Takes frames off a queue, while nine tenths of both rates leave more than `ahead_s` to spend."""
        now, frames, size = time.monotonic(), list[tuple[int, bytes]](), 0
        self._spendable_s = [min(1.0, left + now - self._spent_at) for left in self._spendable_s]
        self._spent_at = now
        rates = (self.limits.frames_per_second_max, self.limits.bits_per_second_max)
        while queue and min(self._spendable_s) > ahead_s:
            kept = self._kept.get(queue[0])
            if kept is not None and frames and size + len(kept.data) > bytes_max:
                break
            sequence = queue.popleft()
            if kept is not None:
                frames.append((sequence, kept.data))
                size += len(kept.data)
                for at, amount in enumerate((1, 8 * len(kept.data))):
                    self._spendable_s[at] -= amount / (0.9 * rates[at]) if rates[at] else 0
        return frames


def ranges(sequences: Sequence[int]) -> list[Range]:
    """Sequences as ascending ranges, each shorter than the server's largest jump."""
    found: list[Range] = []
    for sequence in sorted(sequences):
        if found and found[-1].last == sequence - 1 and sequence - found[-1].first < RANGE_FRAMES:
            found[-1].last = sequence
        else:
            found.append(Range(first=sequence, last=sequence))
    return found


def opus_samples(packet: bytes) -> int:
    """Samples of an Opus packet at 48 kHz (RFC 6716 section 3.1). Raises ValueError."""
    config, code = (packet[0] >> 3, packet[0] & 3) if packet else (0, 3)
    if code == 3 and len(packet) < 2:
        raise ValueError("not an Opus packet")
    sizes = (480, 960, 1920, 2880) if config < 12 else (480, 960) * 2 if config < 16 else (120, 240, 480, 960)
    return sizes[config & 3] * (1, 2, 2, packet[1] & 63 if code == 3 else 0)[code]
