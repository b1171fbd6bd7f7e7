// Rows in, an Avro object container file out (Avro 1.11 specification, "Object Container Files"). The row codec is avsc's;
// the container is written here, so that the same rows always give the same bytes: the sync marker comes from the digest
// of the content, metadata has one order, and blocks end at fixed sizes.
import { createHash } from 'node:crypto';
import { setImmediate as giveWay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { deflateRaw } from 'node:zlib';
import { logicalDigest } from '../logical-digest.ts';
import type { AvroTable } from './avro-table.ts';

/** Codecs that every Avro reader knows. */
export type AvroCodec = 'null' | 'deflate';

/** Metadata key of the digest. */
export const AVRO_DIGEST_KEY = 'hayate.digest';

/** "Obj" and the version. */
export const AVRO_MAGIC = Uint8Array.of(0x4f, 0x62, 0x6a, 1);

/** Encoded rows before compression that a block holds, unless one row is more. */
const BLOCK_BYTES = 65_536;

const compress = promisify(deflateRaw);

export interface AvroFileOptions {
  codec: AvroCodec;
  /** User metadata; keys must not begin with "avro." (reserved). */
  metadata?: Readonly<Record<string, string>>;
}

/** An encoded file and the digest that it carries. */
export interface AvroFile {
  bytes: Uint8Array;
  digest: string;
}

interface Block {
  rows: number;
  data: Buffer;
}

/**
 * Encodes `rows`. Throws if a row does not fit the schema. Gives way to other work after every block, and compresses off the
 * event loop.
 */
export async function writeAvro<Row>(table: AvroTable<Row>, rows: Iterable<Row>, options: AvroFileOptions): Promise<AvroFile> {
  const metadata = Object.entries(options.metadata ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const hash = createHash('sha256');
  const blocks: Block[] = [];
  let count = 0;
  for (const block of encodeBlocks(table, rows)) {
    hash.update(block.data);
    count += block.rows;
    blocks.push({ rows: block.rows, data: options.codec === 'deflate' ? await compress(block.data) : block.data });
    if (options.codec === 'null') await giveWay();
  }
  const digest = avroDigest(table.schemaJson, metadata, count, hash.digest('hex'));
  const sync = Buffer.from(digest.slice(0, 32), 'hex');
  const header: [string, string][] = [
    ['avro.schema', table.schemaJson],
    ['avro.codec', options.codec],
    [AVRO_DIGEST_KEY, digest],
    ...metadata,
  ];
  const parts: Uint8Array[] = [AVRO_MAGIC, long(header.length)];
  for (const [key, value] of header) parts.push(...sized(Buffer.from(key, 'utf8')), ...sized(Buffer.from(value, 'utf8')));
  parts.push(long(0), sync);
  for (const block of blocks) parts.push(long(block.rows), ...sized(block.data), sync);
  const bytes = Buffer.concat(parts);
  return { bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length), digest };
}

/** Digest of a file's schema, metadata (sorted by key), number of rows and SHA-256, in hex, of the encoded rows, joined. */
export function avroDigest(schemaJson: string, metadata: readonly (readonly [string, string])[], rows: number, rowsHash: string): string {
  return logicalDigest([schemaJson, JSON.stringify(metadata), String(rows), rowsHash]);
}

function* encodeBlocks<Row>({ type }: AvroTable<Row>, rows: Iterable<Row>): Iterable<Block> {
  let buffer = Buffer.alloc(BLOCK_BYTES);
  let used = 0;
  let count = 0;
  for (const row of rows) {
    let end = type.encode(row, buffer, used);
    if (end < 0) {
      // avsc gives the missing bytes as a negative number; the row begins a block of its own size or more.
      const size = buffer.length - used - end;
      if (count > 0) yield { rows: count, data: buffer.subarray(0, used) };
      buffer = Buffer.alloc(Math.max(BLOCK_BYTES, size));
      count = 0;
      end = type.encode(row, buffer, 0);
    }
    used = end;
    count++;
  }
  if (count > 0) yield { rows: count, data: buffer.subarray(0, used) };
}

/** Avro's long: zigzag, then base 128, least significant first. Not negative here. */
function long(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value * 2;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

function sized(data: Uint8Array): [Uint8Array, Uint8Array] {
  return [long(data.length), data];
}
