"""Checks spec/vectors (its path is the first argument) with Google's Protobuf.

Motion is decoded according to the rules of spec/wire.md. Exits with 1 at the first difference
from index.json; otherwise prints how many vectors were checked.
"""

import base64
import json
import math
import pathlib
import re
import sys

from google.protobuf import descriptor, json_format
from hayate.v1 import frame_pb2, live_pb2, message_pb2, payload_pb2, record_pb2

MODULES = (frame_pb2, message_pb2, payload_pb2, live_pb2, record_pb2)
BONES = 55
SHAPES = 52
AUDIO_PACKETS_MAX = 64
# Refused by the rules for HEADER payloads, for a broadcaster's frames and for motion masks.
REFUSED_ELSEWHERE = (
    *("frame-bad-title-", "frame-bad-name-", "frame-bad-participant", "frame-bad-avatar-", "frame-bad-key-interval"),
    *("frame-bad-first", "motion-bad-"),
)
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
    """Applies a motion message to a pose in wire precision: (hips, rotations as 48-bit words,
    shapes)."""
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
    """Whether spec/wire.md, "Text", permits this text, by its own table."""
    forbidden = [(0, 0x1F), (0x7F, 0x9F), (0x2028, 0x2029), (0x202A, 0x202E), (0x2066, 0x206F), (0xD800, 0xDFFF)]
    forbidden += [(0xFDD0, 0xFDEF), (0xFEFF, 0xFEFF), (0xFFF9, 0xFFFB), (0xE0001, 0xE0001)]
    forbidden += [(plane << 16 | 0xFFFE, plane << 16 | 0xFFFF) for plane in range(17)]
    if len(text.encode("utf-16-le")) // 2 > units_max:
        return False
    return not any(low <= ord(character) <= high for character in text for low, high in forbidden)


def check_header_text(entry, folder):
    """Checks that titles and names of valid HEADER vectors are permitted text, and those of
    vectors refused for their text are not."""
    refused = entry["name"].startswith(("frame-bad-title-", "frame-bad-name-"))
    if not (refused or entry.get("payload", {}).get("message") == "StreamHeader"):
        return
    _, frame = decode(entry["message"], (folder / entry["file"]).read_bytes())
    header, _ = decode("StreamHeader", base64.b64decode(frame["payload"]))
    fine = is_text(header.title, 200) and all(is_text(participant.name, 100) for participant in header.participants)
    if fine == refused:
        raise SystemExit(f"{entry['name']}: its text is {'fine' if fine else 'not text'}")


def varint(data, at, longest):
    value = 0
    for index in range(longest):
        byte = data[at + index]
        value |= (byte & 127) << 7 * index
        if byte < 128:
            if value >= 1 << 64:
                raise ValueError("over 64 bits")
            return value, at + index + 1
    raise ValueError("too long")


WIDTHS = {descriptor.FieldDescriptor.TYPE_UINT64: 64, descriptor.FieldDescriptor.TYPE_INT64: 64}
FIXED = {
    descriptor.FieldDescriptor.TYPE_FIXED64: 1,
    descriptor.FieldDescriptor.TYPE_DOUBLE: 1,
    descriptor.FieldDescriptor.TYPE_FIXED32: 5,
    descriptor.FieldDescriptor.TYPE_FLOAT: 5,
}
SIZED = (descriptor.FieldDescriptor.TYPE_BYTES, descriptor.FieldDescriptor.TYPE_STRING, descriptor.FieldDescriptor.TYPE_MESSAGE)


def read_strictly(message_type, data):
    """Every occurrence of every known field, by spec/wire.md, "Reading". Raises ValueError or
    IndexError for bytes that it refuses."""
    at, found = 0, []
    while at < len(data):
        tag, at = varint(data, at, 5)
        number, wire_type = tag >> 3, tag & 7
        if not 1 <= number < 1 << 29 or wire_type not in (0, 1, 2, 5):
            raise ValueError("a field number or wire type")
        if wire_type == 0:
            value, at = varint(data, at, 10)
        else:
            length, at = varint(data, at, 10) if wire_type == 2 else (8 if wire_type == 1 else 4, at)
            value, at = data[at : at + length], at + length
            if at > len(data):
                raise ValueError("cut short")
        field = message_type.fields_by_number.get(number)
        if field is None:
            continue
        if wire_type == 2 and field.label == field.LABEL_REPEATED and field.type not in SIZED:
            # The only packed numbers in the contract are varints.
            end = 0
            while end < len(value):
                _, end = varint(value, end, 10)
            continue
        if wire_type != FIXED.get(field.type, 2 if field.type in SIZED else 0):
            raise ValueError("another wire type")
        if wire_type == 0 and value >= 1 << WIDTHS.get(field.type, 32):
            raise ValueError("out of range")
        if field.type == field.TYPE_STRING:
            value.decode("utf-8")
        if field.type == field.TYPE_MESSAGE:
            read_strictly(field.message_type, value)
        found.append((field.name, value))
    return found


def read_frame(data):
    """A frame's fields, the last occurrence of each. Refuses a frame if any occurrence is one
    that servers refuse."""
    found = read_strictly(frame_pb2.Frame.DESCRIPTOR, data)
    for name, value in found:
        if name == "stream" and not re.fullmatch(rb"[A-Za-z0-9_-]{1,64}", value):
            raise ValueError("a stream name")
        if name == "epoch" and not any(value):
            raise ValueError("epoch 0")
        if name == "kind" and not (1 <= value <= 5 or 64 <= value <= 127):
            raise ValueError("a kind")
        if name in ("sequence", "capture_us", "position", "key_sequence") and value >= 1 << 53:
            raise ValueError("a number above 2^53 - 1")
    frame = dict(found)
    if not frame.keys() >= {"stream", "epoch", "kind"}:
        raise ValueError("a frame without a stream, an epoch or a kind")
    return frame


def check_audio(payload):
    found = read_strictly(payload_pb2.Audio.DESCRIPTOR, payload)
    packets = [value for name, value in found if name == "packets"]
    if not 1 <= len(packets) <= AUDIO_PACKETS_MAX or dict(found).get("level", 0) > 127:
        raise ValueError("packets or level")
    for packet in packets:
        if opus_samples(packet) is None:
            raise ValueError("not Opus")


def is_refused(entry, data):
    """Whether the bytes break a rule of "Reading", or one for AUDIO payloads. HEADER's rules are checked by check_header_text."""
    try:
        if entry["message"] == "Frame":
            frame = read_frame(data)
            # Vectors of the frame's own form have meaningless payloads.
            if entry["name"].startswith("frame-bad-audio-"):
                check_audio(frame.get("payload", b""))
        else:
            read_strictly(new_message(entry["message"]).DESCRIPTOR, data)
    except (ValueError, IndexError):
        return True
    return False


def opus_samples(packet):
    """48 kHz samples of an Opus packet; None if RFC 6716, section 3.4, forbids it."""
    if not packet:
        return None
    config, code, body = packet[0] >> 3, packet[0] & 3, packet[1:]
    frame = (480, 960, 1920, 2880)[config & 3] if config < 12 else (480, 960)[config & 1] if config < 16 else 120 << (config & 3)
    try:
        sizes = opus_sizes(code, body)
    except IndexError:
        return None
    if sizes is None or not sizes or len(sizes) * frame > 5760 or not all(0 <= size <= 1275 for size in sizes):
        return None
    return len(sizes) * frame


def opus_sizes(code, body):
    """The frames' sizes, which may be impossible; None if the body cannot be divided into equal
    frames."""

    def length(at):
        return (body[at], at + 1) if body[at] < 252 else (body[at] + 4 * body[at + 1], at + 2)

    if code == 0:
        return [len(body)]
    if code == 1:
        return None if len(body) % 2 else [len(body) // 2] * 2
    if code == 2:
        first, at = length(0)
        return [first, len(body) - at - first]
    count, at, padding = body[0] & 63, 1, 0
    if body[0] & 64:
        while body[at] == 255:
            padding, at = padding + 254, at + 1
        padding, at = padding + body[at], at + 1
    if count == 0:
        return None
    if not body[0] & 128:
        rest = len(body) - at - padding
        return None if rest < 0 or rest % count else [rest // count] * count
    sizes = []
    for _ in range(count - 1):
        size, at = length(at)
        sizes.append(size)
    return [*sizes, len(body) - at - padding - sum(sizes)]


def quantise(rotation):
    """The 6 bytes of a quaternion, in hexadecimal, by spec/wire.md, "Motion"."""
    norm = math.sqrt(sum(part * part for part in rotation))
    q = [part / norm for part in rotation]
    # The largest magnitude; among equal ones the last.
    largest = max((3, 2, 1, 0), key=lambda i: abs(q[i]))
    sign = -1 if q[largest] < 0 else 1
    word, shift = largest, 2
    for i in range(4):
        if i != largest:
            word |= (math.floor(q[i] * sign * math.sqrt(2) * 16383 + 0.5) + 16383) << shift
            shift += 15
    return word.to_bytes(6, "little").hex()


def check_rotations(folder):
    """Quantises and decodes the near-ties; each changes when the decoded value is quantised
    again."""
    rotations = json.loads((folder / "rotations.json").read_text())["rotations"]
    for entry in rotations:
        name, data = entry["name"], bytes.fromhex(entry["quantised"])
        expect(f"{name} quantised", quantise(entry["rotation"]), entry["quantised"])
        decoded = quaternion(int.from_bytes(data, "little"))
        if any(abs(a - b) > 2e-7 for a, b in zip(decoded, entry["decoded"])):
            raise SystemExit(f"{name}: decoded as {decoded}")
        expect(f"{name} quantised again", quantise(decoded), entry["requantised"])
        if entry["requantised"] == entry["quantised"]:
            raise SystemExit(f"{name} is not a near-tie")
    return len(rotations)


def check_opus(folder):
    packets = json.loads((folder / "opus.json").read_text())["packets"]
    for entry in packets:
        expect(f"Opus packet {entry['name']}", opus_samples(bytes.fromhex(entry["hex"])), entry.get("samples"))
    return len(packets)


def main():
    folder = pathlib.Path(sys.argv[1])
    entries = json.loads((folder / "index.json").read_text())["vectors"]
    rest = [0, 0, 0], [REST_ROTATION] * BONES, [0] * SHAPES
    motions = {None: rest}
    checked = refused = 0
    for entry in entries:
        check_header_text(entry, folder)
        if "failure" in entry:
            refused += 1
            if not entry["name"].startswith(REFUSED_ELSEWHERE) and not is_refused(entry, (folder / entry["file"]).read_bytes()):
                raise SystemExit(f"{entry['name']} is not refused")
            continue
        if is_refused(entry, (folder / entry["file"]).read_bytes()):
            raise SystemExit(f"{entry['name']} is refused")
        message, value = decode(entry["message"], (folder / entry["file"]).read_bytes())
        expect(entry["name"], value, entry["value"])
        if "payload" in entry:
            payload = entry["payload"]
            expect(f"{entry['name']} payload", decode(payload["message"], base64.b64decode(value["payload"]))[1], payload["value"])
        if "motion" in entry:
            motions[entry["name"]] = overlay(message, motions[entry["motion"].get("key")])
            check_motion(entry, motions[entry["name"]])
        checked += 1
    counts = {"opus": check_opus(folder), "rotations": check_rotations(folder)}
    print(json.dumps({"checked": checked, "refused": refused, "motions": len(motions) - 1, **counts}))


main()
