"""The vectors of spec/vectors, all of them: decoded, dequantised, encoded again, and refused."""

import base64
import json
import os
import pathlib
import unittest

from google.protobuf import json_format

from hayate_client import BONES, SHAPES, MotionError, QuantisedPose, decode_motion
from hayate_client.gen.hayate.v1 import frame_pb2, message_pb2, payload_pb2
from hayate_client.viewer import Viewer
from hayate_client.gen.hayate.v1.message_pb2 import ServerMessage, Watching

VECTORS = pathlib.Path(os.environ["HAYATE_VECTORS"])
INDEX = json.loads((VECTORS / "index.json").read_text(encoding="utf-8"))["vectors"]
VALID = [vector for vector in INDEX if "failure" not in vector]
REFUSED = [vector for vector in INDEX if "failure" in vector]
#: Messages between servers and of the log, which no client reads.
SERVERS_OWN = {"Envelope", "RepairRequest", "Control", "Announcement", "Record"}


def data_of(vector):
    return (VECTORS / vector["file"]).read_bytes()


def class_of(name):
    return next((getattr(module, name) for module in (frame_pb2, message_pb2, payload_pb2)
                 if hasattr(module, name)), None)


def decoded(name, data):
    return json_format.MessageToDict(class_of(name).FromString(data),
                                     always_print_fields_with_no_presence=True)


def quantised(vector):
    value = vector["motion"]["quantised"]
    return QuantisedPose(tuple(value["hips"]), tuple(map(bytes.fromhex, value["rotations"])),
                         bytes(value["shapes"]))


def key_of(vector):
    name = vector["motion"].get("key")
    return None if name is None else quantised(next(other for other in INDEX if other["name"] == name))


class Vectors(unittest.TestCase):
    def test_every_message_of_clients_decodes_to_its_value(self):
        for vector in VALID:
            with self.subTest(vector["name"]):
                if vector["message"] in SERVERS_OWN:
                    continue
                self.assertEqual(decoded(vector["message"], data_of(vector)), vector["value"])
                if "payload" in vector:
                    payload = base64.b64decode(vector["value"]["payload"])
                    self.assertEqual(decoded(vector["payload"]["message"], payload), vector["payload"]["value"])
        names = {vector["message"] for vector in INDEX}
        self.assertEqual({name for name in names if class_of(name) is None}, SERVERS_OWN)

    def test_poses_are_those_of_the_index(self):
        for vector in (vector for vector in VALID if "motion" in vector):
            with self.subTest(vector["name"]):
                pose = decode_motion(data_of(vector), key_of(vector))
                self.assertEqual(pose, quantised(vector))
                expected = vector["motion"]["pose"]
                self.assertPose(pose.pose(), expected)

    def assertPose(self, pose, expected):
        self.assertEqual((len(pose.rotations), len(pose.shapes)), (len(BONES), len(SHAPES)))
        pairs = [(pose.hips, expected["hips"]), (pose.shapes, expected["shapes"]),
                 *zip(pose.rotations, expected["rotations"], strict=True)]
        for got, wanted in pairs:
            for one, other in zip(got, wanted, strict=True):
                self.assertAlmostEqual(one, other, delta=1e-6)

    def test_poses_are_encoded_to_the_bytes_of_the_vectors(self):
        for vector in (vector for vector in VALID if "motion" in vector and vector["name"] != "motion-extra-bones"):
            with self.subTest(vector["name"]):
                self.assertEqual(quantised(vector).payload(key_of(vector)), data_of(vector))

    def test_motion_that_breaks_the_contract_is_refused(self):
        bad = [vector for vector in REFUSED if vector["message"] == "Motion"]
        self.assertGreaterEqual(len(bad), 4)
        for vector in bad:
            with self.subTest(vector["name"]), self.assertRaises(MotionError):
                decode_motion(data_of(vector))

    def test_a_viewer_survives_every_refused_vector_as_a_frame_and_as_a_payload(self):
        given = []
        viewer = Viewer("ws://127.0.0.1", "studio-7", "token", given.append)
        viewer.take(ServerMessage(watching=Watching(epoch=7)))
        total = 0
        for vector in REFUSED:
            data = data_of(vector)
            payloads = [frame_pb2.Frame(stream="studio-7", epoch=7, sequence=total + kind - 1, kind=kind, flags=1,
                                        payload=data).SerializeToString() for kind in range(1, 6)]
            total += 5
            with self.subTest(vector["name"]):
                before = viewer.counts["frames"] + viewer.counts["unreadable"]
                viewer.take(ServerMessage(frames=[data, *payloads]))
                after = viewer.counts["frames"] + viewer.counts["unreadable"]
                self.assertGreaterEqual(after - before, 5)
        self.assertEqual(viewer.counts["missing"], 0)
