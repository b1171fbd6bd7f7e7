// Reads the samples of a data chunk. The size in its header may be wrong: recorders that crashed,
// and programs that write to a pipe, leave 0, the largest number, or an earlier size. Then the
// bytes after that size decide: they are chunks, or more samples.
import type { ByteReader } from './byte-reader.ts';
import { type Container, chunkHeader } from './container.ts';

/** The most bytes returned at once. */
const BLOCK_BYTES = 32_768;
/** How far ahead an unknown chunk name is followed to verify that it is a chunk. */
const CHUNK_BYTES_MAX = 1 << 20;

/** Names of chunks in WAV files, and the first letters of tags that other programs append. */
const KNOWN = new Set(
  (
    'fmt |data|fact|LIST|list|id3 |ID3 |bext|cue |plst|smpl|inst|acid|JUNK|junk|PAD |FLLR|PEAK|iXML|axml|aXML|bxml|sxml|chna|_PMX|cart|' +
    'levl|link|umid|afsp|labl|note|ltxt|DISP|mext|qlty|dbmd|ds64|slnt|strc|minf|elm1|regn|ovwf|Cr8r|LGWV|MD5 |ResU|SMED|SAUR|AFAn|SNDM|' +
    'clm |RIFF|RIFX|RF64|BW64|APET|ID3\u0002|ID3\u0003|ID3\u0004'
  ).split('|'),
);

/** Chunks that cannot be mistaken for samples at any position. */
const METADATA = /(?:LIST|list).{4}(?:INFO|adtl|exif)|(?:id3 |ID3 ).{4}ID3|(?:_PMX|iXML|aXML|axml).{4}</s;
/** The bytes that METADATA examines. */
const METADATA_BYTES = 12;

/** The values in a data chunk's header, and other facts about the file. */
interface DataChunkOptions {
  /** Bytes of samples by the header; 0 or Infinity if it gives none. */
  readonly size: number;
  /** Bytes of the file after the header, if known. */
  readonly bytesLeft: number | undefined;
  /** Bytes of one sample of every channel. */
  readonly frameBytes: number;
  /** Describes a number of bytes in words. */
  readonly describe: (bytes: number) => string;
  readonly warn: (line: string) => void;
}

/**
 * The bytes of the samples of a non-empty data chunk, whose header has been taken. It ends where
 * the next chunk begins.
 */
export async function* readDataChunk(
  reader: ByteReader,
  container: Container,
  { size, bytesLeft, frameBytes, describe, warn }: DataChunkOptions,
): AsyncGenerator<Uint8Array> {
  const begin = reader.position;
  const isPast = size > (bytesLeft ?? Number.MAX_SAFE_INTEGER);
  if (size > 0 && !isPast) {
    yield* bytesOf(reader, size);
    if (reader.position - begin === size && (await alignToChunk(reader, container, size)) !== 'other') return;
  }
  yield* bytesToMetadata(reader);
  const got = reader.position - begin;
  if (size === 0 || size === Number.POSITIVE_INFINITY) warn(`its header gives no length; ${describe(got)} were read up to its end`);
  else if (got < size) warn(`it ends early: its header promises ${describe(size)}, it holds ${describe(got)}`);
  else if (got - size >= frameBytes) warn(`its header promises ${describe(size)}, but ${describe(got - size)} more follow; all were read`);
}

/**
 * Called at the end of a body of `size` bytes. Skips its padding, if there is any, and returns what
 * follows. If no chunk follows, it takes no bytes.
 */
export async function alignToChunk(reader: ByteReader, container: Container, size: number): Promise<'end' | 'chunk' | 'other'> {
  const padding = (container.alignment - (size % container.alignment)) % container.alignment;
  for (const offset of padding === 0 ? [0] : [padding, 0])
    if (await isChunkAt(reader, container, offset)) {
      await reader.skip(offset);
      return 'chunk';
    }
  const { length } = await reader.peek(padding + 1);
  return length <= padding ? 'end' : 'other';
}

/**
 * Whether a chunk begins `offset` bytes ahead. A known name is enough. An unknown one counts if its
 * chunk ends where another begins or the file ends.
 */
async function isChunkAt(reader: ByteReader, container: Container, offset: number): Promise<boolean> {
  const header = chunkHeader((await reader.peek(offset + container.headerBytes)).subarray(offset), container);
  if (header === undefined) return false;
  if (KNOWN.has(header.id)) return true;
  if (header.id.startsWith('TAG')) return (await reader.peek(offset + 129)).length === offset + 128;
  if (!/^[ -~]{4}$/.test(header.id) || header.size > CHUNK_BYTES_MAX) return false;
  const end = offset + container.headerBytes + header.size;
  const ahead = await reader.peek(end + container.alignment + container.headerBytes);
  if (ahead.length < end) return false;
  if (ahead.length <= end + container.alignment) return true;
  const names = [end, end + (header.size % 2)].map((at) => chunkHeader(ahead.subarray(at), container)?.id ?? '');
  return names.some((name) => /^[ -~]{4}$/.test(name));
}

async function* bytesOf(reader: ByteReader, size: number): AsyncGenerator<Uint8Array> {
  for (let left = size; left > 0; ) {
    const block = await reader.read(Math.min(left, BLOCK_BYTES));
    if (block.length === 0) return;
    left -= block.length;
    yield block;
  }
}

/** All bytes up to a metadata chunk, or to the end. */
async function* bytesToMetadata(reader: ByteReader): AsyncGenerator<Uint8Array> {
  for (;;) {
    const ahead = await reader.peek(METADATA_BYTES, BLOCK_BYTES);
    const found = METADATA.exec(Buffer.from(ahead.buffer, ahead.byteOffset, ahead.length).toString('latin1'))?.index;
    const certain = ahead.length < METADATA_BYTES ? ahead.length : ahead.length - METADATA_BYTES + 1;
    const count = found ?? certain;
    if (count > 0) yield await reader.read(count);
    if (count === 0 || found !== undefined) return;
  }
}
