"""Hayate's reference client in Python: broadcast to a stream, or watch one."""

from .broadcaster import Broadcaster, OutboxFull
from .connection import Closed, ClosedError, Token
from .gen.hayate.v1.frame_pb2 import Frame, Kind
from .gen.hayate.v1.message_pb2 import Ack, Audience, Ended, Gap, Published, Watching
from .gen.hayate.v1.payload_pb2 import Audio, AudioConfig, Event, MotionConfig, Participant, StreamHeader
from .gen.names import BONES, SHAPES
from .motion import MotionError, Pose, QuantisedPose, decode_motion
from .viewer import Received, Viewer

__all__ = ["BONES", "SHAPES", "Ack", "Audience", "Audio", "AudioConfig", "Broadcaster", "Closed",
           "ClosedError", "Ended", "Event", "Frame", "Gap", "Kind", "MotionConfig", "MotionError",
           "OutboxFull", "Participant", "Pose", "Published", "QuantisedPose", "Received", "StreamHeader",
           "Token", "Viewer", "Watching", "decode_motion"]
