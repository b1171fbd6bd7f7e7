"""Reads spec/vectors (its path is the first argument) with Google's Protobuf and with the motion rules of spec/wire.md.

Exits with 1 at the first difference from index.json; otherwise prints how many vectors were checked.
"""

import base64
import json
import math
import pathlib
import sys

from google.protobuf import json_format
from hayate.v1 import frame_pb2, live_pb2, message_pb2, payload_pb2, record_pb2

MODULES = (frame_pb2, message_pb2, payload_pb2, live_pb2, record_pb2)
BONES = 55
SHAPES = 52
REST_ROTATION = 3 | 16383 << 2 | 16383 << 17 | 16383 << 32


def new_message(name):
    for module in MODULES:
        if hasattr(module, name):
            return getattr(module, name)()
    raise SystemExit(f"no message {name}")


def decode(name, data):
    message = new_message(name)
    message.ParseFromString(data)
    return message, json_format.MessageToDict(message, including_default_value_fields=True)


def expect(what, got, wanted):
    if got != wanted:
        raise SystemExit(f"{what}: got {got!r}, index.json says {wanted!r}")


def bits(mask):
    return [i for i in range(len(mask) * 8) if mask[i >> 3] >> (i & 7) & 1]


def overlay(motion, base):
    """A motion message over a pose in wire precision: (hips, rotations as 48-bit words, shapes)."""
    hips, rotations, shapes = list(base[0]), list(base[1]), list(base[2])
    if motion.hips:
        hips = list(motion.hips)
    for place, bone in enumerate(bits(motion.bone_mask)):
        if bone < BONES:
            rotations[bone] = int.from_bytes(motion.rotations[place * 6 : place * 6 + 6], "little")
    for place, shape in enumerate(bits(motion.shape_mask)):
        if shape < SHAPES:
            shapes[shape] = motion.shapes[place]
    return hips, rotations, shapes


def quaternion(word):
    largest = word & 3
    steps = iter(word >> shift & 0x7FFF for shift in (2, 17, 32))
    parts = [0.0 if i == largest else (next(steps) - 16383) / 16383 / math.sqrt(2) for i in range(4)]
    parts[largest] = math.sqrt(1 - sum(part * part for part in parts))
    return parts


def check_motion(entry, quantised):
    hips, rotations, shapes = quantised
    wanted = entry["motion"]
    name = entry["name"]
    expect(f"{name} hips", hips, wanted["quantised"]["hips"])
    expect(f"{name} rotations", [word.to_bytes(6, "little").hex() for word in rotations], wanted["quantised"]["rotations"])
    expect(f"{name} shapes", shapes, wanted["quantised"]["shapes"])
    pose = [part / 10000 for part in hips], [quaternion(word) for word in rotations], [shape / 255 for shape in shapes]
    flat = [*pose[0], *[part for q in pose[1] for part in q], *pose[2]]
    want = wanted["pose"]
    want = [*want["hips"], *[part for q in want["rotations"] for part in q], *want["shapes"]]
    if len(flat) != len(want) or any(abs(a - b) > 2e-7 * max(1, abs(b)) for a, b in zip(flat, want)):
        raise SystemExit(f"{name}: the pose differs")


def is_text(text, units_max):
    """Whether text is what spec/wire.md, "Text", takes, by its own table."""
    forbidden = [(0, 0x1F), (0x7F, 0x9F), (0x2028, 0x2029), (0x202A, 0x202E), (0x2066, 0x206F), (0xD800, 0xDFFF)]
    forbidden += [(0xFDD0, 0xFDEF), (0xFEFF, 0xFEFF), (0xFFF9, 0xFFFB), (0xE0001, 0xE0001)]
    forbidden += [(plane << 16 | 0xFFFE, plane << 16 | 0xFFFF) for plane in range(17)]
    if len(text.encode("utf-16-le")) // 2 > units_max:
        return False
    return not any(low <= ord(character) <= high for character in text for low, high in forbidden)


def check_header_text(entry, folder):
    """Titles and names of HEADER vectors are text, and those of the vectors that are refused for their text are not."""
    refused = entry["name"].startswith(("frame-bad-title-", "frame-bad-name-"))
    if not (refused or entry.get("payload", {}).get("message") == "StreamHeader"):
        return
    _, frame = decode(entry["message"], (folder / entry["file"]).read_bytes())
    header, _ = decode("StreamHeader", base64.b64decode(frame["payload"]))
    fine = is_text(header.title, 200) and all(is_text(participant.name, 100) for participant in header.participants)
    if fine == refused:
        raise SystemExit(f"{entry['name']}: its text is {'fine' if fine else 'not text'}")


def main():
    folder = pathlib.Path(sys.argv[1])
    entries = json.loads((folder / "index.json").read_text())["vectors"]
    rest = [0, 0, 0], [REST_ROTATION] * BONES, [0] * SHAPES
    motions = {None: rest}
    checked = 0
    for entry in entries:
        check_header_text(entry, folder)
        if "failure" in entry:
            continue
        message, value = decode(entry["message"], (folder / entry["file"]).read_bytes())
        expect(entry["name"], value, entry["value"])
        if "payload" in entry:
            payload = entry["payload"]
            expect(f"{entry['name']} payload", decode(payload["message"], base64.b64decode(value["payload"]))[1], payload["value"])
        if "motion" in entry:
            motions[entry["name"]] = overlay(message, motions[entry["motion"].get("key")])
            check_motion(entry, motions[entry["name"]])
        checked += 1
    print(json.dumps({"checked": checked, "motions": len(motions) - 1}))


main()
