"""A viewer. In: frames and gaps as the server sends them. Out: each frame of the epoch to the application, once.

Every sequence from the join on is given, or named in a Gap. Source: spec/behaviour.md, "Watching"
(rules V1 to V12).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError

from .connection import Client, TokenSource, with_known_reason
from .gen.hayate.v1.frame_pb2 import (KIND_AUDIO, KIND_EVENT, KIND_GAME, KIND_HEADER, KIND_MOTION,
                                      Frame)
from .gen.hayate.v1.message_pb2 import (GAP_REASON_EXPIRED, GAP_REASON_LOST,
                                        ClientMessage, Gap, Receipt, ServerMessage, Watch,
                                        Watching)
from .gen.hayate.v1.payload_pb2 import Audio, Event, StreamHeader
from .motion import MotionError, QuantisedPose, decode_motion

#: Seconds that a returning viewer waits before it believes that the stream is not live.
BELIEVE_S = 2.0
MISSING_RANGES, GROUP_FRAMES = 4096, 4096
Payload = StreamHeader | Audio | QuantisedPose | Event | bytes


@dataclass(frozen=True)
class Received:
    """A frame, and its payload decoded; bytes for GAME and users' own kinds. A HEADER may be older
    than `Viewer.header`, and a pose older than the one shown: capture_us and sequence tell."""

    frame: Frame
    payload: Payload


class Viewer(Client):
    """Watches one stream. Events: Watching (epoch 0: not live), Gap, Audience, Ended (messages),
    Received and Closed. `counts` holds frames given, `missing`, and those skipped, by why."""

    endpoint = "watch"
    answer = "watching"

    def __init__(self, server: str, stream: str, token: str | TokenSource,
                 on_event: Callable[[Any], None] = lambda event: None) -> None:
        super().__init__(server, stream, token, on_event)
        self.epoch = 0
        self.header: StreamHeader | None = None
        self.counts: Counter[str] = Counter()
        self._begin(Watching())
        self._is_over, self._believe_at = True, 0.0
        self._receipt_s, self._receipt_at, self._has_news = 0.5, 0.0, False
        self._hello_at = 0.0

    def hello(self, token: str) -> ClientMessage:
        self._hello_at = time.monotonic()
        watch = Watch(stream=self.stream, token=token)
        if self._largest is not None:
            watch.epoch, watch.next_sequence = self.epoch, self._largest + 1
        return ClientMessage(watch=watch)

    def take(self, message: ServerMessage) -> None:
        if message.HasField("watching"):
            self._watching(message.watching)
        items: list[tuple[int, Gap | Frame]] = [(gap.first, gap) for gap in message.gaps]
        for data in message.frames:
            try:
                frame = Frame.FromString(data)
            except DecodeError:
                self.counts["unreadable"] += 1
            else:
                if frame.epoch == self.epoch:
                    items.append((frame.sequence, frame))
        for _, item in sorted(items, key=lambda entry: entry[0]):
            if isinstance(item, Gap):
                self._miss(item.first, item.last, item.reason)
            else:
                self._arrived(item)
        if message.HasField("audience"):
            self.on_event(message.audience)
        if message.HasField("ended") and message.ended.epoch == self.epoch:
            self._is_over = True
            self.on_event(with_known_reason(message.ended))

    async def pump(self) -> None:
        now, link = time.monotonic(), self.link
        if self._believe_at and now >= self._believe_at:
            self._believe_at, self._is_over = 0.0, True
            self.on_event(Watching())
        if link and self._has_news and self._largest is not None and now - self._receipt_at >= self._receipt_s:
            self._receipt_at, self._has_news = now, False
            await link.send(ClientMessage(receipt=Receipt(epoch=self.epoch, sequence=self._largest)))

    def _watching(self, watching: Watching) -> None:
        if self._hello_at:
            self.clock(self._hello_at, time.monotonic(), watching.server_unix_us)
            self._hello_at = 0.0
        if watching.epoch == 0:
            if not self._is_over:
                self._believe_at = time.monotonic() + BELIEVE_S
                return
        else:
            self._is_over, self._believe_at = False, 0.0
            self._receipt_s = (watching.receipt_interval_ms or 500) / 1000
            if watching.epoch != self.epoch or self._largest is None:
                self._begin(watching)
        self.on_event(watching)

    def _begin(self, watching: Watching) -> None:
        """Everything of the epoch before is forgotten."""
        self.epoch, self._joined, self._next = watching.epoch, watching.next_sequence, watching.next_sequence
        self._largest: int | None = None
        self._missing: list[tuple[int, int]] = []
        self._early: set[int] = set()
        self._keys: dict[tuple[int, int], list[tuple[int, QuantisedPose | None]]] = {}
        self.header, self._header_sequence = None, -1

    def _miss(self, first: int, last: int, reason: int) -> None:
        """Sequences that will not come, or come late; those that were settled before are left out."""
        first = max(first, self._next)
        if first > last:
            return
        self._missing = [*self._missing, (first, last)][-MISSING_RANGES:]
        self._next = last + 1
        self.counts["missing"] += last - first + 1
        known = reason if GAP_REASON_LOST <= reason <= GAP_REASON_EXPIRED else GAP_REASON_LOST
        self.on_event(Gap(first=first, last=last, reason=known))  # type: ignore[arg-type]

    def _arrived(self, frame: Frame) -> None:
        sequence = frame.sequence
        self._has_news, self._largest = True, max(sequence, self._largest or 0)
        if sequence >= self._next:
            self._miss(self._next, sequence - 1, GAP_REASON_LOST)
            self._next = sequence + 1
        elif self._came_late(sequence):
            self.counts["missing"] -= 1
        elif sequence < self._joined and sequence not in self._early and len(self._early) < GROUP_FRAMES:
            self._early.add(sequence)
        else:
            self.counts["duplicate"] += 1
            return
        try:
            payload = self._payload(frame)
        except (DecodeError, MotionError):
            self.counts["unreadable"] += 1
            return
        if payload is None:
            self.counts["without key"] += 1
            return
        self.counts["frames"] += 1
        self.on_event(Received(frame, payload))

    def _came_late(self, sequence: int) -> bool:
        """Whether a sequence was missing, which it no longer is."""
        for at, (first, last) in enumerate(self._missing):
            if first <= sequence <= last:
                parts = ((first, sequence - 1), (sequence + 1, last))
                self._missing[at:at + 1] = [part for part in parts if part[0] <= part[1]]
                return True
        return False

    def _payload(self, frame: Frame) -> Payload | None:
        """The payload decoded; None for a delta whose key is not held. Raises DecodeError, MotionError."""
        if frame.kind == KIND_HEADER:
            header = StreamHeader.FromString(frame.payload)
            if frame.sequence > self._header_sequence:
                self.header, self._header_sequence = header, frame.sequence
            return header
        if frame.kind == KIND_AUDIO:
            return Audio.FromString(frame.payload)
        if frame.kind == KIND_EVENT:
            return Event.FromString(frame.payload)
        if frame.kind not in (KIND_MOTION, KIND_GAME):
            return frame.payload
        keys = self._keys.setdefault((frame.participant, frame.kind), [])
        is_key = frame.flags & 1
        base = dict(keys).get(frame.key_sequence)
        if not is_key and all(sequence != frame.key_sequence for sequence, _ in keys):
            return None
        pose = decode_motion(frame.payload, None if is_key else base) if frame.kind == KIND_MOTION else None
        if is_key:
            keys[:] = sorted([*keys, (frame.sequence, pose)], key=lambda key: key[0])[-2:]
        return frame.payload if pose is None else pose
