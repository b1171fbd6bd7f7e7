"""Reads an archive (its directory is the first argument) with the avro package.

Prints JSON: for each broadcast the number of copies of each sequence, the SHA-256 of its
frame, its marks and its voice; and for each broadcast and window (the second argument is a
window's milliseconds) the sums that the statistics must have. It uses no code of Hayate: it
reads Protobuf according to the encoding page, with the field numbers of frame.proto and
payload.proto, and takes packet durations from RFC 6716. Exits with 1 at the first row whose
columns differ from its frame.
"""

import datetime
import glob
import hashlib
import json
import sys

from avro.datafile import DataFileReader
from avro.io import DatumReader

KINDS = {1: "header", 2: "audio", 3: "motion", 4: "event", 5: "game"}
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
MILLISECOND = datetime.timedelta(milliseconds=1)


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def fields(data):
    """The fields of a message: (number, value) in order."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == 0:
            value, at = varint(data, at)
        elif wire_type == 1:
            value, at = int.from_bytes(data[at : at + 8], "little"), at + 8
        elif wire_type == 2:
            length, at = varint(data, at)
            value, at = data[at : at + length], at + length
            if len(value) != length:
                raise SystemExit("a field is longer than its message")
        else:
            raise SystemExit(f"wire type {wire_type}")
        yield number, value


def packet_samples(packet):
    """48 kHz samples of an Opus packet (RFC 6716, section 3.1 and 3.2)."""
    config, code = packet[0] >> 3, packet[0] & 3
    if config < 12:
        frame = (480, 960, 1920, 2880)[config & 3]
    elif config < 16:
        frame = (480, 960)[config & 1]
    else:
        frame = (120, 240, 480, 960)[config & 3]
    return frame * (packet[1] & 63 if code == 3 else 1 if code == 0 else 2)


def check(row):
    """The row's frame, field by field; exits if a column differs from it."""
    frame = dict(fields(row["frame"]))
    wanted = {
        "stream": frame.get(1, b"").decode(),
        "epoch": f"{frame.get(2, 0):016x}",
        "sequence": frame.get(3, 0),
        "capture_us": frame.get(4, 0),
        "kind": frame.get(5, 0),
        "flags": frame.get(6, 0),
        "participant": frame.get(7, 0),
        "position": frame.get(8, 0),
        "key_sequence": frame.get(9, 0),
    }
    for name, value in wanted.items():
        if row[name] != value:
            raise SystemExit(f"column {name} of {wanted['stream']} {wanted['sequence']} is {row[name]!r}, its frame says {value!r}")
    payload = row["frame"][row["payload_offset"] : row["payload_offset"] + row["payload_length"]]
    if payload != frame.get(15, b""):
        raise SystemExit(f"the payload of {wanted['stream']} {wanted['sequence']} is not where the columns say")
    return payload


def rows(archive, output):
    found = []
    for path in glob.glob(f"{archive}/{output}/**/*.avro", recursive=True):
        with open(path, "rb") as file:
            found.extend(DataFileReader(file, DatumReader()))
    return sorted(found, key=lambda row: (row["partition"], row["offset"], row.get("index", 0)))


def main(archive, window_ms):
    broadcasts, windows = {}, {}

    def broadcast(row):
        empty = {"stream": row["stream"], "epoch": row["epoch"], "sequences": {}, "digests": {}, "voice": [], "marks": [], "next": 0}
        return broadcasts.setdefault((row["stream"], row["epoch"]), empty)

    for row in rows(archive, "frames"):
        payload = check(row)
        known = broadcast(row)
        sequence, kind = row["sequence"], KINDS.get(row["kind"], "other")
        known["sequences"][sequence] = known["sequences"].get(sequence, 0) + 1
        known["digests"][sequence] = hashlib.sha256(row["frame"]).hexdigest()
        append_ms = (row["append_time"] - EPOCH) // MILLISECOND
        start = append_ms // window_ms * window_ms
        sums = windows.setdefault((row["stream"], row["epoch"], start), {})

        def add(name, value):
            sums[name] = sums.get(name, 0) + value

        add(f"{kind}_frames", 1)
        add(f"{kind}_bytes", len(row["frame"]))
        if sequence >= known["next"]:
            add("gap_frames", sequence - known["next"])
            known["next"] = sequence + 1
        else:
            add("late_frames", 1)
        sums["first_sequence"] = min(sums.get("first_sequence", sequence), sequence)
        sums["last_sequence"] = max(sums.get("last_sequence", sequence), sequence)
        if row["kind"] == 2:
            audio = list(fields(payload))
            packets = [value for number, value in audio if number == 1]
            add("audio_packets", len(packets))
            add("audio_samples", sum(packet_samples(packet) for packet in packets))
            for number, level in audio:
                if number == 2:
                    add("level_frames", 1)
                    add("level_sum", level)
            known["voice"].append([sequence, row["position"], [packet.hex() for packet in packets]])
    for row in rows(archive, "marks"):
        mark = [row["mark"], row["first_sequence"], row["next_sequence"], row["reason"]]
        broadcast(row)["marks"].append(mark)

    for known in broadcasts.values():
        del known["next"]
        known["sequences"] = sorted(known["sequences"].items())
        known["digests"] = sorted(known["digests"].items())
    print(
        json.dumps(
            {
                "broadcasts": list(broadcasts.values()),
                "windows": [
                    {"stream": stream, "epoch": epoch, "window_ms": start, **sums}
                    for (stream, epoch, start), sums in sorted(windows.items())
                ],
            }
        )
    )


main(sys.argv[1], int(sys.argv[2]))
