// Rows in, an Avro object container file out (Avro 1.11 specification, "Object Container Files"). The row codec is avsc's;
// the container is written here, so that the same rows always give the same bytes: the sync marker comes from the digest
// of the content, metadata has one order, and blocks end at fixed sizes.
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

/** Encodes `rows`. Throws if a row does not fit the schema. Compression runs off the event loop. */
export async function writeAvro<Row>(table: AvroTable<Row>, rows: Iterable<Row>, options: AvroFileOptions): Promise<AvroFile> {
  const metadata = Object.entries(options.metadata ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const blocks = encodeBlocks(table, rows);
  const digest = avroDigest(table.schemaJson, metadata, blocks);
  const sync = Buffer.from(digest.slice(0, 32), 'hex');
  const parts: Uint8Array[] = [AVRO_MAGIC];
  const header: [string, string][] = [
    ['avro.schema', table.schemaJson],
    ['avro.codec', options.codec],
    [AVRO_DIGEST_KEY, digest],
    ...metadata,
  ];
  parts.push(long(header.length));
  for (const [key, value] of header) parts.push(...sized(Buffer.from(key, 'utf8')), ...sized(Buffer.from(value, 'utf8')));
  parts.push(long(0), sync);
  for (const block of blocks) {
    const data = options.codec === 'deflate' ? await compress(block.data) : block.data;
    parts.push(long(block.rows), ...sized(data), sync);
  }
  const bytes = Buffer.concat(parts);
  return { bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length), digest };
}

/** Digest of a file's schema, metadata (sorted by key) and rows, however these are cut into blocks. */
export function avroDigest(schemaJson: string, metadata: readonly (readonly [string, string])[], blocks: readonly Block[]): string {
  const rows = blocks.reduce((sum, block) => sum + block.rows, 0);
  return logicalDigest([schemaJson, JSON.stringify(metadata), String(rows), blocks.map(({ data }) => data)]);
}

function encodeBlocks<Row>({ type }: AvroTable<Row>, rows: Iterable<Row>): Block[] {
  const blocks: Block[] = [];
  let buffer = Buffer.alloc(BLOCK_BYTES);
  let used = 0;
  let count = 0;
  const close = () => {
    if (count > 0) blocks.push({ rows: count, data: buffer.subarray(0, used) });
    used = 0;
    count = 0;
  };
  for (const row of rows) {
    let end = type.encode(row, buffer, used);
    if (end < 0) {
      // avsc gives the missing bytes as a negative number; the row begins a block of its own size or more.
      const size = buffer.length - used - end;
      close();
      buffer = Buffer.alloc(Math.max(BLOCK_BYTES, size));
      end = type.encode(row, buffer, 0);
    }
    used = end;
    count++;
  }
  close();
  return blocks;
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
