// An Avro object container file that Hayate wrote in, its rows out. Strict: framing, sync markers and codec must be
// right and the content must have the digest that the file carries, which is checked before any row is decoded.
import { createHash } from 'node:crypto';
import { inflateRawSync } from 'node:zlib';
import { AvroError } from './avro-error.ts';
import type { AvroTable } from './avro-table.ts';
import { AVRO_DIGEST_KEY, AVRO_MAGIC, avroDigest } from './avro-writer.ts';

/** Decompressed bytes that one block may hold. */
const BLOCK_BYTES_MAX = 1 << 28;

/** What the header says. */
export interface AvroHeader {
  schemaJson: string;
  codec: string;
  digest: string;
  /** User metadata. */
  metadata: Readonly<Record<string, string>>;
}

/** Reads a file's header; `bytes` may end anywhere after it. Throws AvroError. */
export function readAvroHeader(bytes: Uint8Array): AvroHeader {
  return readHeader(new Cursor(bytes)).header;
}

/** Reads the rows of a file whose schema must be the table's, letter by letter. Throws AvroError. */
export function readAvro<Row>(table: AvroTable<Row>, bytes: Uint8Array): { header: AvroHeader; rows: Row[] } {
  const cursor = new Cursor(bytes);
  const { header, sync } = readHeader(cursor);
  if (header.schemaJson !== table.schemaJson) throw new AvroError('the schema is another one');
  const blocks: { rows: number; data: Buffer }[] = [];
  while (!cursor.atEnd) {
    const rows = cursor.long();
    const data = cursor.take(cursor.long());
    if (Buffer.compare(cursor.take(16), sync) !== 0) throw new AvroError('a sync marker is wrong');
    if (rows < 1) throw new AvroError('a block holds no rows');
    blocks.push({ rows, data: decompress(header.codec, data) });
  }
  const metadata = Object.entries(header.metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  const hash = createHash('sha256');
  for (const { data } of blocks) hash.update(data);
  const count = blocks.reduce((sum, { rows }) => sum + rows, 0);
  if (avroDigest(header.schemaJson, metadata, count, hash.digest('hex')) !== header.digest)
    throw new AvroError('the digest does not fit the content');
  const rows: Row[] = [];
  for (const block of blocks) {
    let at = 0;
    for (let rest = block.rows; rest > 0; rest--) {
      const decoded: { value: Row; offset: number } = table.type.decode(block.data, at);
      if (decoded.offset < 0) throw new AvroError('a row is cut short');
      rows.push(decoded.value);
      at = decoded.offset;
    }
    if (at !== block.data.length) throw new AvroError('a block has bytes behind its last row');
  }
  return { header, rows };
}

function readHeader(cursor: Cursor): { header: AvroHeader; sync: Uint8Array } {
  if (Buffer.compare(cursor.take(4), AVRO_MAGIC) !== 0) throw new AvroError('not an Avro object container file');
  const entries = new Map<string, string>();
  for (let count = cursor.long(); count > 0; count = cursor.long())
    for (let rest = count; rest > 0; rest--) entries.set(cursor.text(), cursor.text());
  const sync = cursor.take(16);
  const schemaJson = entries.get('avro.schema');
  const digest = entries.get(AVRO_DIGEST_KEY);
  const codec = entries.get('avro.codec');
  if (schemaJson === undefined || codec === undefined || digest === undefined)
    throw new AvroError('the header lacks its schema, codec or digest');
  if (Buffer.from(sync).toString('hex') !== digest.slice(0, 32)) throw new AvroError('the sync marker is not the one of the digest');
  const metadata = Object.fromEntries([...entries].filter(([key]) => !key.startsWith('avro.') && key !== AVRO_DIGEST_KEY));
  return { header: { schemaJson, codec, digest, metadata }, sync };
}

function decompress(codec: string, data: Uint8Array): Buffer {
  if (codec === 'null') return Buffer.from(data.buffer, data.byteOffset, data.length);
  if (codec !== 'deflate') throw new AvroError('the codec is not known');
  try {
    return inflateRawSync(data, { maxOutputLength: BLOCK_BYTES_MAX });
  } catch (cause) {
    throw new AvroError('a block cannot be decompressed', { cause });
  }
}

/** Reads from `bytes` within its bounds. */
class Cursor {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** A long that is not negative: lengths and counts. */
  long(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 7; i++) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new AvroError('the file is cut short');
      value += (byte & 0x7f) * scale;
      if (byte < 128) {
        if (value % 2 === 1) throw new AvroError('a length is negative');
        return value / 2;
      }
      scale *= 128;
    }
    throw new AvroError('a length is out of range');
  }

  take(length: number): Uint8Array {
    const start = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) throw new AvroError('the file is cut short');
    return this.#bytes.subarray(start, this.#at);
  }

  text(): string {
    return Buffer.from(this.take(this.long())).toString('utf8');
  }
}
