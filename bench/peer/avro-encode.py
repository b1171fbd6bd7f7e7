"""Encodes the rows of an Avro file with fastavro ROUNDS times, into memory, without compression.

  avro-encode.py FILE ROUNDS

Prints the CPU seconds of all rounds together and the bytes of one file.
"""
import io
import json
import sys
import time

import fastavro

with open(sys.argv[1], "rb") as file:
    reader = fastavro.reader(file)
    schema = fastavro.parse_schema(reader.writer_schema)
    rows = list(reader)
begin = time.process_time()
for _ in range(int(sys.argv[2])):
    out = io.BytesIO()
    fastavro.writer(out, schema, rows, codec="null", sync_interval=262_144)
seconds = time.process_time() - begin
print(json.dumps({"cpuSeconds": seconds, "bytes": len(out.getvalue()), "rows": len(rows), "version": fastavro.__version__}))
