// Writes rows to an Avro object container file (Avro 1.11 specification, "Object Container Files").
// This file writes the container itself, so that the same rows always give the same bytes: the sync
// marker comes from the content's digest, metadata has a fixed order, and blocks end at fixed
// sizes.
import { createHash } from 'node:crypto';
import { setImmediate as giveWay } from 'node:timers/promises';
import { BufferPool } from '../../kernel/buffer-pool.ts';
import { logicalDigest } from '../logical-digest.ts';
import { AVRO_BLOCK_BYTES, type AvroBlock, AvroBlocks, type AvroSection, joinParts } from './avro-blocks.ts';
import { type AvroCodec, compressBlock } from './avro-codec.ts';
import { avroLong, avroSized } from './avro-encoding.ts';
import type { AvroTable } from './avro-table.ts';

/** Metadata key of the digest. */
export const AVRO_DIGEST_KEY = 'hayate.digest';

/** Metadata key of the digest of the remaining rows, in a file whose other rows were erased. */
export const AVRO_ERASED_KEY = 'hayate.erased';

/** Metadata key of the index, the last one. */
export const AVRO_INDEX_KEY = 'hayate.index';

/** "Obj" and the version. */
export const AVRO_MAGIC = Uint8Array.of(0x4f, 0x62, 0x6a, 1);

/** The number of blocks compressed at a time. */
const BLOCKS_AT_ONCE = 4;

/** Buffers that join a block's parts for compression. */
const scratches = new BufferPool(AVRO_BLOCK_BYTES, 8 * AVRO_BLOCK_BYTES);

export interface AvroFileOptions {
  codec: AvroCodec;
  /** User metadata; keys must not begin with "avro." (reserved). */
  metadata?: Readonly<Record<string, string>>;
  /**
   * The digest of the file that this one replaces. The new file keeps it, and stores the digest of
   * its own content next to it.
   */
  erasedDigest?: string;
}

/** An encoded file and the digest in it. */
export interface AvroFile {
  bytes: Uint8Array;
  digest: string;
}

/** Encodes `rows`, without an index. Throws if a row does not fit the schema. */
export async function writeAvro<Row>(table: AvroTable<Row>, rows: Iterable<Row>, options: AvroFileOptions): Promise<AvroFile> {
  const blocks = new AvroBlocks();
  for (const row of rows) blocks.append(table, row);
  return packAvro(table, blocks.finish(), options);
}

/** Packs sections, which the file's index names. */
export function packAvroSections(table: AvroTable<unknown>, sections: readonly AvroSection[], options: AvroFileOptions): Promise<AvroFile> {
  return pack(
    table,
    sections.flatMap(({ blocks }) => blocks),
    options,
    (lengths) => JSON.stringify(indexOf(sections, lengths)),
  );
}

/**
 * Packs blocks into a file without an index. Compresses off the event loop, and lets other work run
 * after every few blocks.
 */
export function packAvro(table: AvroTable<unknown>, blocks: readonly AvroBlock[], options: AvroFileOptions): Promise<AvroFile> {
  return pack(table, blocks, options);
}

/**
 * The digest of a file's schema, metadata (sorted by key), number of rows, and SHA-256, in hex, of
 * the concatenated encoded rows.
 */
export function avroDigest(schemaJson: string, metadata: readonly (readonly [string, string])[], rows: number, rowsHash: string): string {
  return logicalDigest([schemaJson, JSON.stringify(metadata), String(rows), rowsHash]);
}

async function pack(
  { schemaJson }: AvroTable<unknown>,
  blocks: readonly AvroBlock[],
  options: AvroFileOptions,
  makeIndex?: (lengths: readonly number[]) => string,
): Promise<AvroFile> {
  const metadata = Object.entries(options.metadata ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const hash = createHash('sha256');
  const packed: [Uint8Array, Uint8Array, Uint8Array][] = [];
  let rows = 0;
  for (let i = 0; i < blocks.length; i += BLOCKS_AT_ONCE) {
    const some = blocks.slice(i, i + BLOCKS_AT_ONCE);
    const compressing = some.map((block) => compressed(options.codec, block));
    for (const block of some) {
      for (const part of block.parts) hash.update(part);
      rows += block.rows;
    }
    for (const [n, data] of (await Promise.all(compressing)).entries())
      packed.push([avroLong(some[n]?.rows ?? 0), avroLong(data.length), data]);
    await giveWay();
  }
  const ownDigest = avroDigest(schemaJson, metadata, rows, hash.digest('hex'));
  const digest = options.erasedDigest ?? ownDigest;
  const sync = Buffer.from(digest.slice(0, 32), 'hex');
  const lengths = packed.map(([count, size, data]) => count.length + size.length + data.length + sync.length);
  const header: [string, string][] = [
    ['avro.schema', schemaJson],
    ['avro.codec', options.codec],
    [AVRO_DIGEST_KEY, digest],
    ...(options.erasedDigest === undefined ? [] : [[AVRO_ERASED_KEY, ownDigest] satisfies [string, string]]),
    ...metadata,
    ...(makeIndex === undefined ? [] : [[AVRO_INDEX_KEY, makeIndex(lengths)] satisfies [string, string]]),
  ];
  const parts: Uint8Array[] = [AVRO_MAGIC, avroLong(header.length)];
  for (const [key, value] of header) parts.push(avroSized(key), avroSized(value));
  parts.push(avroLong(0), sync);
  for (const block of packed) parts.push(...block, sync);
  const bytes = Buffer.concat(parts);
  return { bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length), digest };
}

/** The block's bytes as the file contains them. */
async function compressed(codec: AvroCodec, block: AvroBlock): Promise<Uint8Array> {
  const length = block.parts.reduce((sum, part) => sum + part.length, 0);
  if (codec === 'null' || block.parts.length === 1 || length > scratches.size) return compressBlock(codec, joinParts(block));
  const scratch = scratches.take();
  let at = 0;
  for (const part of block.parts) {
    scratch.set(part, at);
    at += part.length;
  }
  const bytes = await compressBlock(codec, scratch.subarray(0, length));
  scratches.give(scratch);
  return bytes;
}

/**
 * The name, rows, offset and length of each section; `lengths` has the length of every block in the
 * file.
 */
function indexOf(sections: readonly AvroSection[], lengths: readonly number[]): (string | number)[][] {
  let block = 0;
  let offset = 0;
  return sections.map(({ name, blocks }) => {
    const start = offset;
    for (let rest = blocks.length; rest > 0; rest--) offset += lengths[block++] ?? 0;
    return [...name, blocks.reduce((sum, { rows }) => sum + rows, 0), start, offset - start];
  });
}
