"""Quantisation at its edges: ties, signs, bounds and what is not a number."""

import itertools
import math
import random
import unittest

from hayate_client import Pose, QuantisedPose, decode_motion
from hayate_client.gen.hayate.v1.payload_pb2 import Motion
from hayate_client.motion import REST, decode_rotation, encode_rotation


def angle(one, other):
    """Degrees between two rotations."""
    dot = abs(sum(a * b for a, b in zip(one, other, strict=True)))
    length = math.sqrt(sum(a * a for a in one) * sum(b * b for b in other))
    return math.degrees(2 * math.acos(min(1.0, dot / length)))


class Rotations(unittest.TestCase):
    def test_the_error_is_at_most_what_the_text_says(self):
        seed = 20261128
        source = random.Random(seed)
        for _ in range(5000):
            rotation = tuple(source.gauss(0, 1) for _ in range(4))
            error = angle(rotation, decode_rotation(encode_rotation(rotation)))
            self.assertLessEqual(error, 0.0086, f"seed {seed}: {rotation}")

    def test_the_largest_component_is_the_highest_in_a_tie_and_is_made_positive(self):
        for signs in itertools.product((-1.0, 1.0), repeat=4):
            word = encode_rotation(signs)
            self.assertEqual(word[0] & 3, 3)
            self.assertGreater(decode_rotation(word)[3], 0)
            self.assertLess(angle(signs, decode_rotation(word)), 0.01)
        self.assertEqual(encode_rotation((-1.0, 0.0, 0.0, 0.0))[0] & 3, 0)

    def test_what_is_no_rotation_is_the_identity(self):
        for rotation in [(0.0,) * 4, (math.nan, 0, 0, 1), (math.inf, 0, 0, 1), (0, -math.inf, 0, 0)]:
            self.assertEqual(encode_rotation(rotation), REST.rotations[0])
        self.assertEqual(decode_rotation(REST.rotations[0]), (0.0, 0.0, 0.0, 1.0))

    def test_any_48_bits_are_read_as_a_unit_quaternion(self):
        source = random.Random(7)
        words = [bytes(6), b"\xff" * 6, *(source.randbytes(6) for _ in range(2000))]
        for word in words:
            self.assertAlmostEqual(sum(part * part for part in decode_rotation(word)), 1.0, delta=1e-9)


class Poses(unittest.TestCase):
    def test_hips_and_shapes_are_clamped_and_never_fail(self):
        pose = Pose(hips=(5000.0, -math.inf, math.nan), shapes=(2.0, -1.0, math.nan, 0.5) + (0.0,) * 48)
        quantised = pose.quantised()
        self.assertEqual(quantised.hips, (10_000_000, -10_000_000, 0))
        self.assertEqual(quantised.shapes[:4], bytes([255, 0, 0, 128]))
        self.assertEqual(decode_motion(quantised.payload()), quantised)

    def test_a_pose_of_another_size_is_an_error(self):
        with self.assertRaises(ValueError):
            Pose(shapes=()).quantised()

    def test_a_delta_over_its_key_is_exactly_the_pose(self):
        source = random.Random(11)

        def pose():
            rotations = tuple(tuple(source.gauss(0, 1) for _ in range(4)) for _ in range(55))
            return Pose((source.gauss(0, 1),) * 3, rotations, tuple(source.random() for _ in range(52)))

        for _ in range(50):
            key, other = pose().quantised(), pose().quantised()
            mixed = QuantisedPose(key.hips, tuple(source.choice(pair) for pair in zip(key.rotations, other.rotations)),
                                  bytes(source.choice(pair) for pair in zip(key.shapes, other.shapes)))
            self.assertEqual(decode_motion(mixed.payload(key), key), mixed)
            self.assertEqual(decode_motion(REST.payload(key), key), REST)

    def test_a_mask_of_64_kilobytes_is_read_without_effort(self):
        mask = b"\xff" * 8000
        motion = Motion(bone_mask=mask, rotations=bytes(6 * 64_000), shape_mask=mask, shapes=bytes(64_000))
        pose = decode_motion(motion.SerializeToString())
        self.assertEqual(pose.rotations, (bytes(6),) * 55)
