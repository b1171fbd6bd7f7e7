"""The programs that `hayate conformance` starts. In: HAYATE_SERVER, HAYATE_STREAM, HAYATE_TOKEN and
HAYATE_FRAMES. Out: a line of JSON for each event. Run: python -m hayate_client.conformance publish|watch
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import signal
import sys
import time
from typing import Any

from . import (Ack, AudioConfig, Broadcaster, Closed, ClosedError, Ended, Event, Gap, MotionConfig, Pose,
               Published, Received, StreamHeader, Viewer, Watching)
from .connection import Client
from .gen.hayate.v1.message_pb2 import EndReason, GapReason

SILENCE = bytes.fromhex("f8fffe")  # An Opus packet of 20 ms.


def show(event: Any) -> None:
    """Prints an event as docs/client/conformance.md says."""
    line: dict[str, object] | None = None
    match event:
        case Published():
            line = {"event": "published", "epoch": f"{event.epoch:016x}",
                    "generation": event.generation, "nextSequence": event.next_sequence}
        case Ack():
            line = {"event": "acknowledged", "nextSequence": event.next_sequence}
        case Watching():
            line = {"event": "watching", "epoch": f"{event.epoch:016x}" if event.epoch else None,
                    "nextSequence": event.next_sequence}
        case Received(frame=frame):
            line = {"event": "frame", "epoch": f"{frame.epoch:016x}", "sequence": frame.sequence,
                    "kind": int(frame.kind), "participant": frame.participant}
        case Gap():
            line = {"event": "gap", "first": event.first, "last": event.last,
                    "reason": GapReason.Name(event.reason).removeprefix("GAP_REASON_")}
        case Ended():
            line = {"event": "ended", "reason": EndReason.Name(event.reason).removeprefix("END_REASON_")}
        case Closed():
            line = {"event": "closed", "code": event.code, "retry": event.retry}
    if line is not None:
        print(json.dumps(line), flush=True)


async def perform(broadcaster: Broadcaster, frames: int) -> None:
    """Makes `frames` frames in real time: a HEADER, voice, poses and ticks; then ends."""
    while not broadcaster.epoch:
        await asyncio.sleep(0.01)
    start = time.monotonic()
    step = 0
    while broadcaster.next_sequence < frames:
        broadcaster.audio([SILENCE], level=127)
        if step % 5 == 0 and broadcaster.next_sequence < frames:
            turn = 0.3 * math.sin(step / 50)
            rotations = list(Pose().rotations)
            rotations[5] = (0.0, math.sin(turn / 2), 0.0, math.cos(turn / 2))
            broadcaster.motion(Pose(rotations=tuple(rotations)))
        if step % 25 == 0 and broadcaster.next_sequence < frames:
            broadcaster.event(Event(custom=Event.Custom(type="tick", data=str(step // 25).encode())))
        step += 1
        await asyncio.sleep(max(0.0, start + step * 0.02 - time.monotonic()))
    broadcaster.end()


async def main(role: str) -> int:
    """Exit status of the program: 0 when it is done, 1 after a permanent close."""
    env = os.environ
    address = (env["HAYATE_SERVER"], env["HAYATE_STREAM"], env["HAYATE_TOKEN"])
    performing: list[asyncio.Task[None]] = []
    if role == "publish":
        header = StreamHeader(title="Conformance", audio=AudioConfig(codec="opus", channels=1),
                              motion=MotionConfig(rate=10))
        client: Client = Broadcaster(*address, header, show)
        assert isinstance(client, Broadcaster)
        performing.append(asyncio.create_task(perform(client, int(env.get("HAYATE_FRAMES", "250")))))
    else:
        client = Viewer(*address, show)
    running = asyncio.create_task(client.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    try:
        await running
    except ClosedError as error:
        print(error, file=sys.stderr)
        return 1
    except asyncio.CancelledError:
        return 0
    return 0


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr)
    if sys.argv[1:] not in (["publish"], ["watch"]):
        sys.exit("usage: python -m hayate_client.conformance publish|watch")
    sys.exit(asyncio.run(main(sys.argv[1])))
