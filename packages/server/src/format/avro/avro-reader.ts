// Reads the rows of an Avro object container file that Hayate wrote, whole or by section through
// its index. Strict: framing, sync markers and codec must be correct. A whole file's content must
// match the digest in its header, which is checked before any row is decoded. The file's index must
// match its blocks.
import { createHash } from 'node:crypto';
import { type AvroBlock, decodeRows } from './avro-blocks.ts';
import { decompressBlock } from './avro-codec.ts';
import { AvroCursor } from './avro-cursor.ts';
import { AvroError } from './avro-error.ts';
import type { AvroTable } from './avro-table.ts';
import { AVRO_DIGEST_KEY, AVRO_ERASED_KEY, AVRO_INDEX_KEY, AVRO_MAGIC, avroDigest } from './avro-writer.ts';

/** The content of the header. */
export interface AvroHeader {
  schemaJson: string;
  codec: string;
  digest: string;
  /** Digest of the remaining rows, if some were erased. */
  erasedDigest: string | undefined;
  /** User metadata. */
  metadata: Readonly<Record<string, string>>;
  /**
   * The position of each section, in the order of the rows; undefined in a file without an index.
   */
  index: readonly AvroIndexEntry[] | undefined;
  /** The marker that ends the header and each block. */
  sync: Uint8Array;
  /** Bytes of the header. */
  length: number;
}

/** A section of a file. */
export interface AvroIndexEntry {
  readonly name: readonly (string | number)[];
  /** At least 1. */
  readonly rows: number;
  /** Bytes from the end of the header. */
  readonly offset: number;
  /** Bytes of its blocks, including sync markers. */
  readonly length: number;
}

/** A block that was read, with its position in bytes from the end of the header. */
export interface PlacedAvroBlock extends AvroBlock {
  readonly offset: number;
}

/**
 * Reads a file's header; `bytes` may end anywhere after it. Throws AvroError, with `needed` if
 * `bytes` end within the header.
 */
export function readAvroHeader(bytes: Uint8Array): AvroHeader {
  const cursor = new AvroCursor(bytes);
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
  if (Buffer.from(sync).toString('hex') !== digest.slice(0, 32)) throw new AvroError('the sync marker does not match the digest');
  const own = new Set([AVRO_DIGEST_KEY, AVRO_ERASED_KEY, AVRO_INDEX_KEY]);
  const metadata = Object.fromEntries([...entries].filter(([key]) => !key.startsWith('avro.') && !own.has(key)));
  const erasedDigest = entries.get(AVRO_ERASED_KEY);
  const indexJson = entries.get(AVRO_INDEX_KEY);
  const index = indexJson === undefined ? undefined : parseIndex(indexJson);
  return { schemaJson, codec, digest, erasedDigest, metadata, index, sync, length: cursor.at };
}

/** Reads the blocks in `bytes`, which must contain whole blocks only. Throws AvroError. */
export function readAvroBlocks({ codec, sync }: AvroHeader, bytes: Uint8Array): PlacedAvroBlock[] {
  const cursor = new AvroCursor(bytes);
  const blocks: PlacedAvroBlock[] = [];
  while (!cursor.atEnd) {
    const offset = cursor.at;
    const rows = cursor.long();
    const data = cursor.take(cursor.long());
    if (Buffer.compare(cursor.take(16), sync) !== 0) throw new AvroError('a sync marker is wrong');
    if (rows < 1) throw new AvroError('a block holds no rows');
    blocks.push({ rows, parts: [decompressBlock(codec, data)], offset });
  }
  return blocks;
}

/**
 * Reads a whole file's blocks. Throws AvroError, also if the digest does not match the content or
 * the index is wrong.
 */
export function readAvroFile(bytes: Uint8Array): { header: AvroHeader; blocks: PlacedAvroBlock[] } {
  const header = readAvroHeader(bytes);
  const body = bytes.subarray(header.length);
  const blocks = readAvroBlocks(header, body);
  const metadata = Object.entries(header.metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  const hash = createHash('sha256');
  for (const { parts } of blocks) for (const part of parts) hash.update(part);
  const rows = blocks.reduce((sum, block) => sum + block.rows, 0);
  if (avroDigest(header.schemaJson, metadata, rows, hash.digest('hex')) !== (header.erasedDigest ?? header.digest))
    throw new AvroError('the digest does not match the content');
  if (header.index !== undefined) checkIndex(header.index, blocks, body.length);
  return { header, blocks };
}

/** Reads the rows of a whole file. Its schema must be exactly the table's. Throws AvroError. */
export function readAvro<Row>(table: AvroTable<Row>, bytes: Uint8Array): { header: AvroHeader; rows: Row[] } {
  const { header, blocks } = readAvroFile(bytes);
  if (header.schemaJson !== table.schemaJson) throw new AvroError('the schema is not the expected one');
  return { header, rows: [...decodeRows(table, blocks)] };
}

/** Sections follow one another without a gap from the end of the header. */
function parseIndex(json: string): AvroIndexEntry[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch (cause) {
    throw new AvroError('the index is not JSON', { cause });
  }
  if (!Array.isArray(parsed)) throw new AvroError('the index is not a list');
  let end = 0;
  return parsed.map((entry: unknown): AvroIndexEntry => {
    const fields: readonly unknown[] = Array.isArray(entry) ? entry : [];
    const name = fields.slice(0, -3).filter((part) => typeof part === 'string' || typeof part === 'number');
    const [rows, offset, length] = fields.slice(-3).map((part) => (Number.isSafeInteger(part) ? Number(part) : -1));
    const whole = name.length === fields.length - 3;
    if (!whole || rows === undefined || offset === undefined || length === undefined || rows < 1 || length < 1 || offset !== end)
      throw new AvroError('an entry of the index is wrong');
    end += length;
    return { name, rows, offset, length };
  });
}

/** Each entry must cover whole blocks, and together they must cover all blocks. */
function checkIndex(index: readonly AvroIndexEntry[], blocks: readonly PlacedAvroBlock[], bodyLength: number): void {
  let next = 0;
  for (const { rows, offset, length } of index) {
    let found = 0;
    if (blocks[next]?.offset !== offset) throw new AvroError('the index does not match the blocks');
    for (; (blocks[next]?.offset ?? bodyLength) < offset + length; next++) found += blocks[next]?.rows ?? 0;
    if (found !== rows) throw new AvroError('the index does not match the blocks');
  }
  const last = index.at(-1);
  if (next !== blocks.length || (last === undefined ? 0 : last.offset + last.length) !== bodyLength)
    throw new AvroError('the index does not match the blocks');
}
