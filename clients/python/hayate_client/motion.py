"""Poses and their bytes. In: a pose in metres, unit quaternions and weights. Out: MOTION payloads.

A pose is quantised once; keys, deltas and comparisons work on the quantised integers, so the pose
that a reader gets is exactly the one that the writer kept. Source: spec/wire.md, "MOTION: Motion".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from .gen.hayate.v1.payload_pb2 import Motion
from .gen.names import BONES, SHAPES

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]
_STEPS, _HIPS_MAX = 16383, 10_000_000


class MotionError(ValueError):
    """A MOTION payload that breaks the contract; a viewer skips the frame."""


@dataclass(frozen=True)
class Pose:
    """Hips in metres from rest, a rotation (x, y, z, w) for each bone, a weight 0 to 1 for each shape."""

    hips: Vector = (0.0, 0.0, 0.0)
    rotations: tuple[Quaternion, ...] = ((0.0, 0.0, 0.0, 1.0),) * len(BONES)
    shapes: tuple[float, ...] = (0.0,) * len(SHAPES)

    def quantised(self) -> QuantisedPose:
        """This pose as integers. Errors: at most 0.05 mm, 0.0086 degrees and 1/510."""
        if len(self.rotations) != len(BONES) or len(self.shapes) != len(SHAPES):
            raise ValueError(f"a pose has {len(BONES)} rotations and {len(SHAPES)} shapes")
        x, y, z = (_round(metres * 10_000, -_HIPS_MAX, _HIPS_MAX) for metres in self.hips)
        return QuantisedPose((x, y, z), tuple(map(encode_rotation, self.rotations)),
                             bytes(_round(weight * 255, 0, 255) for weight in self.shapes))


@dataclass(frozen=True)
class QuantisedPose:
    """Hips in 1/10 mm, 6 bytes for each bone, a byte for each shape. The default is the rest pose."""

    hips: tuple[int, int, int] = (0, 0, 0)
    rotations: tuple[bytes, ...] = (bytes.fromhex("fffffe7fff3f"),) * len(BONES)
    shapes: bytes = bytes(len(SHAPES))

    def pose(self) -> Pose:
        """The pose that viewers draw."""
        x, y, z = (tenths / 10_000 for tenths in self.hips)
        return Pose((x, y, z), tuple(map(decode_rotation, self.rotations)),
                    tuple(step / 255 for step in self.shapes))

    def payload(self, key: QuantisedPose | None = None) -> bytes:
        """The payload of a key, or of a delta over `key`."""
        base = key or REST
        bones = [i for i, value in enumerate(self.rotations) if value != base.rotations[i]]
        shapes = [i for i, value in enumerate(self.shapes) if value != base.shapes[i]]
        return Motion(
            bone_mask=_mask(bones), rotations=b"".join(self.rotations[i] for i in bones),
            shape_mask=_mask(shapes), shapes=bytes(self.shapes[i] for i in shapes),
            hips=() if self.hips == base.hips else self.hips).SerializeToString()


REST = QuantisedPose()


def decode_motion(payload: bytes, key: QuantisedPose | None = None) -> QuantisedPose:
    """The pose of a key's payload, or of a delta's over its `key`. Raises MotionError."""
    try:
        motion = Motion.FromString(payload)
    except DecodeError as error:
        raise MotionError("not a Motion message") from error
    if (len(motion.rotations) != 6 * _count(motion.bone_mask)
            or len(motion.shapes) != _count(motion.shape_mask)):
        raise MotionError("the values are not as many as the masks name")
    if len(motion.hips) not in (0, 3):
        raise MotionError("hips have no or three parts")
    base = key or REST
    rotations, weights = list(base.rotations), bytearray(base.shapes)
    # Indexes beyond the tables belong to a later version; their values come last.
    for at, bone in enumerate(_indexes(motion.bone_mask, len(BONES))):
        rotations[bone] = motion.rotations[6 * at:6 * at + 6]
    for at, shape in enumerate(_indexes(motion.shape_mask, len(SHAPES))):
        weights[shape] = motion.shapes[at]
    hips = (motion.hips[0], motion.hips[1], motion.hips[2]) if motion.hips else base.hips
    return QuantisedPose(hips, tuple(rotations), bytes(weights))


def encode_rotation(rotation: Sequence[float]) -> bytes:
    """A quaternion (x, y, z, w) in 48 bits, smallest three. Zero or not finite: the identity."""
    length = math.hypot(*rotation)
    if not math.isfinite(length) or length == 0:
        return REST.rotations[0]
    largest = max(range(4), key=lambda i: (abs(rotation[i]), i))
    scale = math.copysign(math.sqrt(2) * _STEPS, rotation[largest]) / length
    steps = [_round(rotation[i] * scale, -_STEPS, _STEPS) + _STEPS for i in range(4) if i != largest]
    return (largest | steps[0] << 2 | steps[1] << 17 | steps[2] << 32).to_bytes(6, "little")


def decode_rotation(value: bytes) -> Quaternion:
    """The unit quaternion (x, y, z, w) of 48 bits."""
    bits = int.from_bytes(value, "little")
    steps = [min(bits >> shift & 0x7FFF, 2 * _STEPS) - _STEPS for shift in (2, 17, 32)]
    parts = [step / _STEPS / math.sqrt(2) for step in steps]
    rest = sum(part * part for part in parts)
    if rest > 1:
        parts = [part / math.sqrt(rest) for part in parts]
    parts.insert(bits & 3, math.sqrt(max(0.0, 1 - rest)))
    return (parts[0], parts[1], parts[2], parts[3])


def _round(value: float, least: int, most: int) -> int:
    """The nearest integer within bounds, halves upwards; 0 for what is not a number."""
    return 0 if math.isnan(value) else math.floor(min(max(value, least), most) + 0.5)


def _mask(indexes: Sequence[int]) -> bytes:
    bits = sum(1 << index for index in indexes)
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little")


def _count(mask: bytes) -> int:
    return int.from_bytes(mask, "little").bit_count()


def _indexes(mask: bytes, below: int) -> list[int]:
    return [i for i in range(min(below, 8 * len(mask))) if mask[i >> 3] >> (i & 7) & 1]
