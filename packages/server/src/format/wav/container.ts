// Reads the beginning of a file and finds how its chunks are stored: RIFF and big-endian RIFX
// (Multimedia Programming Interface 1.0), RF64 and BW64 (EBU Tech 3306, ITU-R BS.2088), with 64-bit
// sizes in a ds64 chunk, and Sony Wave64, whose chunk names are GUIDs. It skips bytes before the
// beginning, such as an ID3 tag.
import { HayateError } from '../../kernel/error.ts';
import type { ByteReader } from './byte-reader.ts';

/** How a file's chunks are stored. */
export interface Container {
  readonly kind: 'RIFF' | 'RIFX' | 'RF64' | 'Wave64';
  readonly isLittleEndian: boolean;
  /** Bytes of a chunk's name and size. */
  readonly headerBytes: 8 | 24;
  /** Chunks begin at multiples of this. */
  readonly alignment: 2 | 8;
}

/** A chunk's name and the bytes of its body. */
export interface ChunkHeader {
  /** Four characters. */
  readonly id: string;
  /** The size in the file, which may be wrong. */
  readonly size: number;
}

/** The beginning is searched in this many bytes. */
const PREFIX_BYTES_MAX = 65_536;
/** The longest beginning: Wave64's. */
const BEGINNING_BYTES = 40;
const WAVE64_RIFF = '726966662e91cf11a5d628db04c10000';
const WAVE64_LIST = '6c6973742f91cf11a5d628db04c10000';
/** The bytes after the four characters in Wave64's other GUIDs. */
const WAVE64_REST = 'f3acd3118cd100c04f8edb8a';

const CONTAINERS: Readonly<Record<string, Container>> = {
  RIFF: { kind: 'RIFF', isLittleEndian: true, headerBytes: 8, alignment: 2 },
  RIFX: { kind: 'RIFX', isLittleEndian: false, headerBytes: 8, alignment: 2 },
  RF64: { kind: 'RF64', isLittleEndian: true, headerBytes: 8, alignment: 2 },
  BW64: { kind: 'RF64', isLittleEndian: true, headerBytes: 8, alignment: 2 },
};
const WAVE64: Container = { kind: 'Wave64', isLittleEndian: true, headerBytes: 24, alignment: 8 };

/**
 * The position of a WAV file's beginning in `head`, a file's first bytes; undefined if there is
 * none. The search starts at `at`.
 */
export function findWav(head: Uint8Array, at = 0): number | undefined {
  if (containerAt(head, at) !== undefined) return at;
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  const places = ['RIFF', 'RIFX', 'RF64', 'BW64', 'riff'].flatMap((id) => {
    const found: number[] = [];
    for (let place = bytes.indexOf(id, at, 'latin1'); place >= 0; place = bytes.indexOf(id, place + 1, 'latin1')) found.push(place);
    return found;
  });
  return places.sort((a, b) => a - b).find((place) => containerAt(head, place) !== undefined);
}

/** Reads up to the first chunk. Throws HayateError BAD_REQUEST if this is not a WAV file. */
export async function openContainer(reader: ByteReader, warn: (line: string) => void): Promise<Container> {
  let skipped = await skipId3(reader);
  const head = await reader.peek(BEGINNING_BYTES);
  let container = containerAt(head, 0);
  if (container === undefined) {
    const more = await reader.peek(PREFIX_BYTES_MAX);
    const place = findWav(more);
    if (place === undefined) throw notWav(head);
    container = containerAt(more, place);
    skipped += await reader.skip(place);
  }
  if (container === undefined) throw notWav(head);
  if (skipped > 0) warn(`${skipped} bytes that are not WAV precede its header; they were skipped`);
  await reader.skip(container === WAVE64 ? BEGINNING_BYTES : 12);
  return container;
}

/** The chunk header at the beginning of `bytes`; undefined if they are too few. */
export function chunkHeader(bytes: Uint8Array, container: Container): ChunkHeader | undefined {
  if (bytes.length < container.headerBytes) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (container !== WAVE64) return { id: text(bytes, 0), size: view.getUint32(4, container.isLittleEndian) };
  const guid = hex(bytes, 0, 16);
  const id = guid === WAVE64_LIST ? 'LIST' : guid.slice(8) === WAVE64_REST ? text(bytes, 0) : '';
  return { id, size: Math.max(0, Number(view.getBigUint64(16, true)) - 24) };
}

/** Four bytes as characters. */
export function text(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

function hex(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.subarray(from, to)).toString('hex');
}

function containerAt(bytes: Uint8Array, at: number): Container | undefined {
  if (hex(bytes, at, at + 16) === WAVE64_RIFF && hex(bytes, at + 24, at + 40).startsWith('77617665')) return WAVE64;
  return text(bytes, at + 8) === 'WAVE' ? CONTAINERS[text(bytes, at)] : undefined;
}

/** Skips an ID3v2 tag (id3.org, ID3v2.4.0 section 3.1); resolves to its bytes. */
async function skipId3(reader: ByteReader): Promise<number> {
  const head = await reader.peek(10);
  if (head.length < 10 || text(head, 0).slice(0, 3) !== 'ID3') return 0;
  const [, , , , , flags = 0, ...sizes] = head;
  const size = sizes.reduce((sum, byte) => sum * 128 + (byte & 127), 0);
  return await reader.skip(10 + size + ((flags & 0x10) === 0 ? 0 : 10));
}

/** Files that are often mistaken for WAV, by their first four bytes. */
const OTHERS: Readonly<Record<string, string>> = { FORM: 'an AIFF file', caff: 'a CAF file', '.snd': 'a Sun AU file' };

function notWav(head: Uint8Array): HayateError {
  const id = text(head, 0);
  const other = OTHERS[id];
  if (head.length < 12) return new HayateError('BAD_REQUEST', 'it ends within its header');
  if (other !== undefined) return new HayateError('BAD_REQUEST', `it is ${other}; convert it first: ffmpeg -i FILE out.wav`);
  if (id in CONTAINERS) return new HayateError('BAD_REQUEST', `it is a RIFF file of kind ${JSON.stringify(text(head, 8))}, not WAVE`);
  return new HayateError('BAD_REQUEST', 'it is not a RIFF/WAVE file');
}
