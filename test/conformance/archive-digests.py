"""Recomputes every digest of an archive (its directory is the first argument).

This follows the text of spec/archive.md alone. With a second argument,
spec/vectors/digests.json, it also recomputes the entries there and compares the objects with
them. With a third, the directory of a file log, it reads the log's records according to
spec/log-file.md. It uses no code of Hayate: containers are read here with struct and json,
Parquet with pyarrow. Exits with 1 at the first difference; otherwise prints how much was
checked.
"""

import decimal
import hashlib
import io
import json
import pathlib
import struct
import sys
import zlib

import pyarrow
import pyarrow.parquet


def digest(parts):
    """SHA-256, in hex, over parts, each preceded by its length as 64 bits, little-endian."""
    taken = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        taken.update(struct.pack("<Q", len(data)) + data)
    return taken.hexdigest()


def compact(value):
    """JSON without white space, as ECMAScript's JSON.stringify writes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def expect(what, got, wanted):
    if got != wanted:
        raise SystemExit(f"{what}: got {got!r}, expected {wanted!r}")


def without(record, *names):
    return {name: value for name, value in record.items() if name not in names}


def check_manifest(key, data):
    """Checks the digest, and the seal over config and digest."""
    manifest = json.loads(data)
    expect(f"{key}: form", data, compact(manifest).encode() + b"\n")
    content = compact(without(manifest, "format", "config", "digest", "seal", "erased"))
    expect(f"{key}: digest", digest([content]), manifest.get("erased", manifest["digest"]))
    seal_parts = [compact(manifest["config"]), manifest["digest"]]
    expect(f"{key}: seal", digest(seal_parts), manifest["seal"])
    return [[content], seal_parts]


class Avro:
    """A container of the Avro 1.11 specification, as far as Hayate uses it."""

    def __init__(self, data):
        self.data, self.at = data, 4
        if data[:4] != b"Obj\x01":
            raise SystemExit("not an Avro container")
        self.metadata = []
        while count := self.long():
            for _ in range(count):
                key = self.sized().decode()
                self.metadata.append((key, self.sized().decode()))
        self.sync = self.take(16)
        self.header_bytes = self.at
        self.blocks = []
        while self.at < len(data):
            start, count = self.at, self.long()
            block = self.sized()
            expect("sync marker", self.take(16), self.sync)
            self.blocks.append((start - self.header_bytes, count, self.at - start, block))

    def take(self, length):
        self.at += length
        return self.data[self.at - length : self.at]

    def long(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value >> 1 ^ -(value & 1)

    def sized(self):
        return self.take(self.long())


def decompress(codec, block):
    if codec == "deflate":
        return zlib.decompress(block, -15)
    return pyarrow.input_stream(io.BytesIO(block), compression="zstd").read() if codec == "zstandard" else block


def check_avro(key, data, schema):
    """Schema, metadata, row count, the rows' SHA-256, the sync marker, and the block index."""
    file = Avro(data)
    metadata = dict(file.metadata)
    order = [name for name, _ in file.metadata]
    expect(f"{key}: metadata", order[:3], ["avro.schema", "avro.codec", "hayate.digest"])
    expect(f"{key}: schema", metadata["avro.schema"], compact(schema))
    own = sorted((name, value) for name, value in metadata.items() if name in ("hayate.end", "hayate.log", "hayate.partition", "hayate.start"))
    rows = hashlib.sha256()
    for _, _, length, block in file.blocks:
        plain = decompress(metadata["avro.codec"], block)
        rows.update(plain)
    count = sum(count for _, count, _, _ in file.blocks)
    parts = [metadata["avro.schema"], compact(own), str(count), rows.hexdigest()]
    expect(f"{key}: digest", digest(parts), metadata.get("hayate.erased", metadata["hayate.digest"]))
    expect(f"{key}: sync marker", file.sync.hex(), metadata["hayate.digest"][:32])
    if "hayate.index" in metadata:
        expect(f"{key}: last metadata", order[-1], "hayate.index")
        check_index(key, json.loads(metadata["hayate.index"]), file.blocks)
    return parts


def check_index(key, index, blocks):
    """Checks that entries cover whole blocks, in order, with the row counts they claim."""
    at = 0
    for stream, epoch, rows, offset, length in index:
        expect(f"{key}: where {stream}/{epoch} begins", offset, at)
        own = [block for block in blocks if offset <= block[0] < offset + length]
        expect(f"{key}: rows of {stream}/{epoch}", rows, sum(count for _, count, _, _ in own))
        expect(f"{key}: bytes of {stream}/{epoch}", length, sum(size for _, _, size, _ in own))
        at += length
    expect(f"{key}: bytes of all", at, sum(size for _, _, size, _ in blocks))


def number(value):
    """A number as ECMAScript writes it in JSON: integers without a decimal point, small numbers
    without an exponent down to 1e-6."""
    if float(value).is_integer() and abs(value) < 2**53:
        return str(int(value))
    text = repr(value)
    return format(decimal.Decimal(text), "f") if 1e-6 <= abs(value) < 1e21 else text.replace("e-0", "e-")


def cell(column, value):
    """Formats a value for a row's line."""
    if value is None:
        return "null"
    if column["type"] in ("STRING", "JSON"):
        return compact(value if isinstance(value, str) else value.decode())
    return number(value)


def check_parquet(key, data, columns):
    """Lines of JSON with the column definitions, metadata, row count and the rows' SHA-256; the
    file's own SHA-256."""
    file = pyarrow.parquet.ParquetFile(io.BytesIO(data))
    pairs = {name.decode(): value.decode() for name, value in file.metadata.metadata.items() if name.startswith(b"hayate.")}
    seal = pairs["hayate.sha256"].encode()
    expect(f"{key}: places of the seal", data.count(seal), 1)
    expect(f"{key}: seal", hashlib.sha256(data.replace(seal, b"0" * 64)).hexdigest(), seal.decode())
    expect(f"{key}: columns", file.schema.names, list(columns))
    for i, (name, column) in enumerate(columns.items()):
        expect(f"{key}: {name} may be absent", file.schema.column(i).max_definition_level == 1, column.get("optional", False))
    table = file.read()
    values = {name: times(table[name]) if column["type"] == "TIMESTAMP" else table[name].to_pylist() for name, column in columns.items()}
    rows = hashlib.sha256()
    for i in range(table.num_rows):
        rows.update(f"[{','.join(cell(column, values[name][i]) for name, column in columns.items())}]\n".encode())
    own = sorted(without(pairs, "hayate.digest", "hayate.erased", "hayate.sha256").items())
    parts = [compact(columns), compact(own), str(table.num_rows), rows.hexdigest()]
    expect(f"{key}: digest", digest(parts), pairs.get("hayate.erased", pairs["hayate.digest"]))
    return parts


def times(column):
    """The Unix milliseconds of a column of times."""
    return column.cast(pyarrow.timestamp("ms", tz=column.type.tz)).cast(pyarrow.int64()).to_pylist()


def ogg_packets(data):
    """The packets of an Ogg file with one logical stream, and its serial number."""
    packets, part, at, serial = [], b"", 0, None
    while at < len(data):
        expect("capture pattern", data[at : at + 4], b"OggS")
        serial, segments = struct.unpack_from("<I", data, at + 14)[0], data[at + 26]
        lacing, body = data[at + 27 : at + 27 + segments], at + 27 + segments
        for length in lacing:
            part, body = part + data[body : body + length], body + length
            if length < 255:
                packets.append(part)
                part = b""
        at = body
    return packets, serial


def check_audio(key, data):
    """Head and tags as one line of JSON, then each packet; the serial number."""
    (head, tags, *packets), serial = ogg_packets(data)
    channels, pre_skip, rate = struct.unpack_from("<BHI", head, 9)
    vendor = struct.unpack_from("<I", tags, 8)[0]
    at, pairs = 12 + vendor + 4, []
    for _ in range(struct.unpack_from("<I", tags, 12 + vendor)[0]):
        length = struct.unpack_from("<I", tags, at)[0]
        name, value = tags[at + 4 : at + 4 + length].decode().split("=", 1)
        pairs.append([name, value])
        at += 4 + length
    said = dict(pairs)
    late = said.get("HAYATE_LATE") == "1"
    if "HAYATE_ERASED" not in said:
        track = compact([said["HAYATE_STREAM"], said["HAYATE_EPOCH"], int(said["HAYATE_PARTICIPANT"]), late])
        base = struct.unpack("<I", hashlib.sha256(track.encode()).digest()[:4])[0]
        expect(f"{key}: serial number", serial, (base + int(said["HAYATE_FIRST_SEQUENCE"])) % 2**32)
    about = [{"channels": channels, "preSkip": pre_skip, "inputSampleRate": rate}, [pair for pair in pairs if pair[0] != "HAYATE_DIGEST"]]
    parts = [compact(about), *packets]
    if "HAYATE_ERASED" not in said:
        expect(f"{key}: digest", digest(parts), said["HAYATE_DIGEST"])
    return parts


def check_log(folder):
    """Checks each record of a file log: its checksum, offset order and the partition of its key."""
    log = json.loads((folder / "log.json").read_text())
    records = 0
    for partition in range(log["partitions"]):
        following = None
        for path in sorted((folder / f"p={partition:03}").glob("*.log")):
            data, at = path.read_bytes(), 0
            following = int(path.stem) if following is None else following
            expect(f"{path}: name", int(path.stem), following)
            while at < len(data):
                length, checksum = struct.unpack_from("<II", data, at)
                body = data[at + 8 : at + 8 + length]
                expect(f"{path}: length at {at}", len(body), length)
                expect(f"{path}: checksum at {at}", zlib.crc32(body, log["checksumSeed"]), checksum)
                offset, _, key_length = struct.unpack_from("<QQH", body)
                expect(f"{path}: offset at {at}", offset, following)
                key = body[18 : 18 + key_length]
                if key:
                    expect(f"{path}: partition of {key}", zlib.crc32(key) % log["partitions"], partition)
                following, at, records = offset + 1, at + 8 + length, records + 1
    return records


def check_parts(archive):
    """Checks the files of each hour against the small files that they were made of, while those
    exist. hayate.parts is the digest over the digests of the small files."""
    for path in archive.glob("hourly/**/*.parquet"):
        start, end = path.stem.split("-")
        folder = archive / "statistics" / path.parent.relative_to(archive / "hourly")
        small = sorted(each for each in folder.glob("*.parquet") if start <= each.stem[:20] and each.stem[21:] <= end)
        own = [metadata_of(each)["hayate.digest"] for each in small]
        expect(f"{path}: parts", digest([compact(own)]), metadata_of(path)["hayate.parts"])


def metadata_of(path):
    pairs = pyarrow.parquet.ParquetFile(path).metadata.metadata
    return {name.decode(): value.decode() for name, value in pairs.items() if name.startswith(b"hayate.")}


def main(archive, digests=None, log=None):
    archive = pathlib.Path(archive)
    spec = pathlib.Path(__file__).resolve().parent.parent.parent / "spec"
    schemas = {name: json.loads((spec / f"{name}.avsc").read_text()) for name in ("frame", "mark")}
    columns = json.loads((spec / "statistics.schema.json").read_text())
    counts, found, named, carried = {}, {}, {}, {}
    for path in sorted(archive.rglob("*")):
        key = path.relative_to(archive).as_posix()
        kind = key.split("/")[0]
        if not path.is_file() or kind not in ("cuts", "frames", "marks", "statistics", "hourly", "audio"):
            continue
        data = path.read_bytes()
        if kind == "cuts":
            found[key] = check_manifest(key, data)
            named.update((each["key"], each["digest"]) for each in json.loads(data).get("previous", {}).get("objects", []))
        elif kind in ("frames", "marks"):
            found[key] = [check_avro(key, data, schemas[kind[:-1]])]
        elif kind == "audio":
            found[key] = [check_audio(key, data)]
        else:
            found[key] = [check_parquet(key, data, columns)]
        carried[key] = digest(found[key][0])
        counts[kind] = counts.get(kind, 0) + 1
    counts["named"] = sum(carried.get(key) == value for key, value in named.items())
    check_parts(archive)
    if digests is not None:
        counts["digests"] = check_digests(json.loads(pathlib.Path(digests).read_text())["digests"], found)
    if log is not None:
        counts["records"] = check_log(pathlib.Path(log))
    print(json.dumps(counts))


def check_digests(entries, found):
    for entry in entries:
        parts = [part["text"] if "text" in part else bytes.fromhex(part["hex"]) for part in entry["parts"]]
        expect(f"digest {entry['name']}", digest(parts), entry["digest"])
        if "object" in entry and parts not in found[entry["object"]]:
            raise SystemExit(f"digest {entry['name']}: its parts are not those of the object")
    return len(entries)


main(*sys.argv[1:])
