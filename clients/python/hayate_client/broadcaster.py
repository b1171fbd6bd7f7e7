"""A broadcaster. In: voice, poses and events of the application. Out: frames, until they are durable.

Every frame is kept until a ticket vouches for it, so a broken connection loses none. New frames go
first; old ones follow at a pace. Source: spec/behaviour.md, "Publishing" (rules B1 to B13).
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .connection import TICKET_INVALID, Client, Link, TokenSource
from .gen.hayate.v1.frame_pb2 import (KIND_AUDIO, KIND_EVENT, KIND_GAME, KIND_HEADER, KIND_MOTION,
                                      Frame)
from .gen.hayate.v1.message_pb2 import (ClientMessage, End, Publish, Published, PublishLimits, Range,
                                        ServerMessage)
from .gen.hayate.v1.payload_pb2 import Audio, Event, StreamHeader
from .motion import Pose, QuantisedPose

HELD_S, HELD_EVENTS, HELD_BYTES = 30.0, 4096, 32 * 1024 * 1024
IN_FLIGHT_BYTES, RESEND_BYTES, LIVE_BYTES, RANGE_FRAMES = 16_384, 4_096, 65_536, 32_768
#: A hole in the voice longer than this is silence that was not sent; a shorter one is the encoder's jitter.
HOLE_US = 100_000
_DROPPABLE = frozenset({KIND_AUDIO, KIND_MOTION, KIND_GAME})


class OutboxFull(Exception):
    """More than 4,096 events wait to be acknowledged. Nothing of this frame was taken."""


class _Kept(NamedTuple):
    data: bytes
    kind: int
    made_at: float


class _Key(NamedTuple):
    sequence: int
    capture_us: int
    pose: QuantisedPose


class _Rate:
    """Nine tenths of a rate, as seconds that may be spent; the server's bucket holds 10 s."""

    def __init__(self, per_second: int) -> None:
        self.cost = 1 / (0.9 * per_second) if per_second else 0.0
        self.left, self.at = 1.0, time.monotonic()

    def allows(self, least: float) -> bool:
        now = time.monotonic()
        self.left, self.at = min(1.0, self.left + now - self.at), now
        return self.left > least


class Broadcaster(Client):
    """Publishes one stream. Events: Published, Ack, Audience, Ended (messages) and Closed."""

    endpoint, answer = "publish", "published"

    def __init__(self, server: str, stream: str, token: str | TokenSource, header: StreamHeader,
                 on_event: Callable[[Any], None] = lambda event: None) -> None:
        super().__init__(server, stream, token, on_event)
        self.epoch = self.next_sequence = 0
        #: Frames that the application made and that will never be sent.
        self.dropped = 0
        self.limits = PublishLimits()
        self._header, self._header_at, self._header_error_us = header, 0.0, 0
        self._ticket = b""
        self._kept: OrderedDict[int, _Kept] = OrderedDict()
        self._kept_bytes = self._kept_events = 0
        self._declare: list[int] = []
        self._new: deque[int] = deque()
        self._backlog: deque[int] = deque()
        self._in_flight: deque[tuple[int, int]] = deque()
        self._ending = self._end_sent = False
        self._started_at = self._hello_at = 0.0
        self._keys: dict[int, _Key] = {}
        self._posed_us: dict[int, int] = {}
        self._voice_ends: dict[int, int] = {}
        self._rates = (_Rate(0), _Rate(0))

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
        they follow the packets before, or after 100 ms without packets lie where the clock is."""
        samples = sum(map(opus_samples, packets))
        end, capture_us = self._voice_ends.get(participant, 0), self.capture_us() - samples * 125 // 6
        if position is None:
            clock = max(0, capture_us) * 6 // 125
            position = clock if clock - end > HOLE_US * 6 // 125 else end
        if position < end or not 1 <= len(packets) <= 64:
            raise ValueError("voice must ascend, in frames of 1 to 64 packets")
        sequence = self.frame(KIND_AUDIO, Audio(packets=packets, level=level).SerializeToString(),
                              participant, capture_us=max(0, capture_us), position=position)
        if sequence is not None:
            self._voice_ends[participant] = position + samples
        return sequence

    def motion(self, pose: Pose, participant: int = 0) -> int | None:
        """A pose of now, as a key or as a delta over the participant's key."""
        quantised, now = pose.quantised(), self.capture_us()
        key, gap = self._keys.get(participant), now - self._posed_us.get(participant, now)
        interval_us = 1000 * (self._header.motion.key_interval_ms or 1000)
        self._posed_us[participant] = now
        # The next pose, if it comes half a gap late, would be too late for a key.
        if key is None or now - key.capture_us + 3 * gap // 2 >= interval_us:
            sequence = self.frame(KIND_MOTION, quantised.payload(), participant, key=True,
                                  capture_us=now)
            if sequence is not None:
                self._keys[participant] = _Key(sequence, now, quantised)
            return sequence
        return self.frame(KIND_MOTION, quantised.payload(key.pose), participant, capture_us=now,
                          key_sequence=key.sequence)

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
        sequence, now = self.next_sequence, time.monotonic()
        data = Frame(
            stream=self.stream, epoch=self.epoch, sequence=sequence, kind=kind,  # type: ignore[arg-type]
            capture_us=self.capture_us() if capture_us is None else capture_us, flags=int(key),
            participant=participant, position=position, key_sequence=key_sequence,
            payload=payload).SerializeToString()
        if len(data) > (self.limits.frame_bytes_max or 65_536):
            raise ValueError(f"a frame of {len(data)} bytes; the server takes {self.limits.frame_bytes_max}")
        if kind not in _DROPPABLE and self._kept_events >= HELD_EVENTS:
            raise OutboxFull
        self._kept[sequence] = _Kept(data, kind, now)
        self._count(self._kept[sequence], 1)
        (self._backlog if self.link is None else self._new).append(sequence)
        self.next_sequence += 1
        self._trim()
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
        has_ticket, self._ticket = self._ticket != b"", b"" if code == TICKET_INVALID else self._ticket
        return code == TICKET_INVALID and has_ticket

    def take(self, message: ServerMessage) -> None:
        if message.HasField("published"):
            self._published(message.published)
        if message.HasField("ack"):
            ack = message.ack
            while self._in_flight and self._in_flight[0][0] < ack.next_sequence:
                self._in_flight.popleft()
            self._vouch(ack.ticket, ack.next_sequence)
            self.on_event(ack)
        if message.HasField("resend"):
            self._restart(message.resend.from_sequence)
        if message.HasField("audience"):
            self.on_event(message.audience)
        if message.HasField("ended"):
            self._ticket = b""
            self.on_event(message.ended)
            self.over.set()

    async def pump(self) -> None:
        self._trim()
        if self._header_at and time.monotonic() - self._header_at > 3 and not self._ending:
            clock = self.server_clock()
            if clock is not None and 2 * clock[1] < self._header_error_us:
                self._send_header()
        while (link := self.link) is not None and (message := self._next(link)) is not None:
            await link.send(message)

    def _published(self, published: Published) -> None:
        now = time.monotonic()
        self.clock(self._hello_at, now, published.server_unix_us)
        self.limits.CopyFrom(published.limits)
        self._rates = (_Rate(self.limits.frames_per_second_max), _Rate(self.limits.bits_per_second_max))
        begins = published.epoch != self.epoch
        if begins:
            self.dropped += len(self._kept)
            self.epoch, self.next_sequence, self._started_at = published.epoch, 0, now
            self._kept.clear()
            self._kept_bytes = self._kept_events = 0
            self._voice_ends.clear()
            self._posed_us.clear()
        self._keys.clear()
        self._vouch(published.ticket, published.next_sequence)
        self._new.clear()
        self._restart(published.next_sequence)
        if begins:
            ending, self._ending = self._ending, False  # An epoch has a HEADER, even one that ends at once.
            self._send_header()
            self._ending = ending
        self.on_event(published)

    def _send_header(self) -> int | None:
        offset_us, error_us = self.server_clock() or (0, 0)
        header = StreamHeader()
        header.CopyFrom(self._header)
        header.origin_unix_us = offset_us + round(self._started_at * 1e6)
        header.origin_error_us = error_us
        self._header_at, self._header_error_us = time.monotonic(), error_us
        return self.frame(KIND_HEADER, header.SerializeToString())

    def _vouch(self, ticket: bytes, next_sequence: int) -> None:
        """Takes a ticket, and forgets the frames that it vouches for."""
        if ticket:
            self._ticket = ticket
            while self._kept and (first := next(iter(self._kept))) < next_sequence:
                self._count(self._kept.pop(first), -1)

    def _restart(self, start: int) -> None:
        """What this connection owes from `start` on: frames to send again, ranges to declare."""
        new = set(self._new)
        self._backlog = deque(n for n in self._kept if n >= start and n not in new)
        self._declare = [n for n in range(start, self.next_sequence) if n not in self._kept]
        self._in_flight.clear()
        self._end_sent = False

    def _trim(self) -> None:
        """Drops the oldest voice and poses beyond the bounds of the outbox, and declares them."""
        oldest = time.monotonic() - HELD_S
        for sequence, kept in list(self._kept.items()):
            if kept.made_at >= oldest and self._kept_bytes <= HELD_BYTES:
                break
            if kept.kind in _DROPPABLE:
                self._count(self._kept.pop(sequence), -1)
                self._declare.append(sequence)
                self.dropped += 1

    def _count(self, kept: _Kept, sign: int) -> None:
        self._kept_bytes += sign * len(kept.data)
        self._kept_events += 0 if kept.kind in _DROPPABLE else sign

    def _next(self, link: Link) -> ClientMessage | None:
        """The next message of this connection, if one may be sent now."""
        if self._declare:
            dropped, self._declare = ranges(self._declare), []
            return ClientMessage(dropped=dropped)
        frames = self._frames(self._new, LIVE_BYTES, -8.0)
        if frames:
            return ClientMessage(frames=[data for _, data in frames])
        if self._backlog and link.is_idle() and sum(size for _, size in self._in_flight) < IN_FLIGHT_BYTES:
            frames = self._frames(self._backlog, RESEND_BYTES, 0.0)
            self._in_flight.extend((sequence, len(data)) for sequence, data in frames)
            if frames:
                return ClientMessage(frames=[data for _, data in frames])
        if self._ending and not self._backlog and not self._new and not self._end_sent:
            self._end_sent = True
            return ClientMessage(end=End(next_sequence=self.next_sequence))
        return None

    def _frames(self, queue: deque[int], bytes_max: int, least: float) -> list[tuple[int, bytes]]:
        """Takes frames off a queue: at least one if the rates leave more than `least` seconds."""
        frames: list[tuple[int, bytes]] = []
        size = 0
        while queue and all(rate.allows(least) for rate in self._rates):
            kept = self._kept.get(queue[0])
            if kept is not None and frames and size + len(kept.data) > bytes_max:
                break
            sequence = queue.popleft()
            if kept is not None:
                frames.append((sequence, kept.data))
                size += len(kept.data)
                for rate, amount in zip(self._rates, (1, 8 * len(kept.data))):
                    rate.left -= amount * rate.cost
        return frames


def ranges(sequences: Sequence[int]) -> list[Range]:
    """Sequences as ranges, ascending, each short enough for the server's largest jump."""
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
