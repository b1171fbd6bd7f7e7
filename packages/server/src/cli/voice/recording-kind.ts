// Detects the kind of a recording from the first bytes of its content. A kind that cannot be sent
// gets its name, so that a message can name it and say how to convert it.
import { findWav } from '../../format/wav/index.ts';

/** Kinds that can be sent, and names of those that cannot. */
type RecordingKind =
  | { readonly kind: 'ogg' | 'wav' }
  | { readonly kind: 'other'; readonly name: string /** Whether it may hold sound. */; readonly isSound: boolean }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'empty' };

/** How many other bytes may precede a recording: players search no further. */
const JUNK_BYTES_MAX = 65_536;

/** A longer tag, including pictures, is not skipped: files with such tags are MP3. */
const ID3_BYTES_MAX = 32 * 1_048_576;

type Test = (bytes: Buffer) => boolean;
const at =
  (offset: number, ...magics: string[]): Test =>
  (bytes) =>
    magics.some((magic) => bytes.toString('latin1', offset, offset + magic.length) === magic);

/** Minimum bytes to inspect; enough for every kind except junk before Ogg. */
const SHORT_BYTES = 64;

const OTHERS: readonly (readonly [name: string, test: Test])[] = [
  ['a FLAC file', at(0, 'fLaC')],
  ['a WebM or Matroska file', at(0, '\x1aE\xdf\xa3')],
  ['an AIFF file', (bytes) => at(0, 'FORM')(bytes) && at(8, 'AIFF', 'AIFC')(bytes)],
  ['a CAF file', at(0, 'caff')],
  ['an AVI file', (bytes) => at(0, 'RIFF')(bytes) && at(8, 'AVI ')(bytes)],
  ['an AU file', at(0, '.snd')],
  ['an AMR file', at(0, '#!AMR')],
  ['a Windows Media file', at(0, '\x30\x26\xb2\x75\x8e\x66\xcf\x11')],
  ["a Monkey's Audio file", at(0, 'MAC ')],
  ['a WavPack file', at(0, 'wvpk')],
  ['a Musepack file', at(0, 'MPCK', 'MP+')],
  ['an MPEG-4 file (M4A or MP4)', at(4, 'ftyp')],
  ['a RealAudio file', at(0, '.RMF', '.ra\xfd')],
  ['a DSD file', at(0, 'DSD ')],
  ['an MPEG video', at(0, '\0\0\x01\xba', '\0\0\x01\xb3')],
  ['an AC-3 file', at(0, '\x0b\x77')],
];

const SILENT: typeof OTHERS = [
  ['a MIDI file', at(0, 'MThd')],
  ['a ZIP file', at(0, 'PK\x03\x04')],
  ['a gzip file', at(0, '\x1f\x8b')],
  ['a PDF file', at(0, '%PDF-')],
  ['a PNG image', at(0, '\x89PNG')],
  ['a JPEG image', at(0, '\xff\xd8\xff')],
  ['a web page', (bytes) => /^\s*<(!doctype html|html)/i.test(bytes.toString('latin1', 0, SHORT_BYTES))],
];

/**
 * Returns the kind of `bytes`, the beginning of a file. Undefined: more bytes are needed, unless
 * `isAll`. `ID3` tags before a recording are skipped as far as `bytes` reach.
 */
export function recordingKind(bytes: Uint8Array, isAll: boolean): RecordingKind | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (buffer.length === 0) return isAll ? { kind: 'empty' } : undefined;
  if (at(0, 'OggS')(buffer)) return { kind: 'ogg' };
  if (buffer.length < 12 && !isAll) return undefined;
  // A file that says it is RIFF and ends there is a WAV file that was cut.
  if (findWav(buffer) === 0 || (buffer.length < 12 && at(0, 'RIFF', 'RIFX', 'RF64', 'BW64')(buffer))) return { kind: 'wav' };
  if (buffer.length < SHORT_BYTES && !isAll) return undefined;
  const sound = OTHERS.find(([, test]) => test(buffer));
  if (sound !== undefined) return { kind: 'other', name: sound[0], isSound: true };
  const other = SILENT.find(([, test]) => test(buffer));
  if (other !== undefined) return { kind: 'other', name: other[0], isSound: false };
  const start = at(0, 'ID3')(buffer) ? id3Bytes(buffer) : 0;
  if (start > ID3_BYTES_MAX) return { kind: 'other', name: 'an MP3 file', isSound: true };
  if (buffer.length < start + 12 && !isAll) return undefined;
  if (start > 0 && start < buffer.length) {
    const inner = recordingKind(buffer.subarray(start), isAll);
    if (inner === undefined || inner.kind === 'ogg' || inner.kind === 'wav' || inner.kind === 'other') return inner;
  }
  const body = buffer.subarray(start);
  const ogg = body.subarray(0, JUNK_BYTES_MAX).indexOf('OggS', 0, 'latin1');
  const wav = findWav(body.subarray(0, JUNK_BYTES_MAX)) ?? -1;
  if (wav >= 0 && (ogg < 0 || wav < ogg)) return { kind: 'wav' };
  if (ogg >= 0) return { kind: 'ogg' };
  if (body.length < JUNK_BYTES_MAX && !isAll) return undefined;
  const mpeg = mpegAudio(body);
  if (mpeg !== undefined) return { kind: 'other', name: mpeg, isSound: true };
  if (start > 0) return { kind: 'other', name: 'an MP3 file', isSound: true };
  return isText(buffer) ? { kind: 'other', name: 'a text file', isSound: false } : { kind: 'unknown' };
}

/** Length of the ID3v2 tag at the start of `bytes`, including its header. */
function id3Bytes(bytes: Buffer): number {
  const size = [...bytes.subarray(6, 10)].reduce((sum, byte) => sum * 128 + (byte & 0x7f), 0);
  return 10 + size + ((bytes[5] ?? 0) & 0x10 ? 10 : 0);
}

/** Detects MPEG audio or ADTS by the sync word of two frames, the first within a few bytes. */
function mpegAudio(bytes: Buffer): string | undefined {
  for (let start = 0; start < Math.min(bytes.length - 4, 2_048); start++) {
    if (bytes[start] !== 0xff) continue;
    const frame = frameBytes(bytes, start);
    if (frame === undefined) continue;
    const next = frameBytes(bytes, start + frame.bytes);
    if (next?.name === frame.name) return frame.name;
  }
  return undefined;
}

const MP3_KBPS = [
  [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

function frameBytes(bytes: Buffer, start: number): { name: string; bytes: number } | undefined {
  const [sync, second, third, fourth, fifth, sixth] = bytes.subarray(start, start + 6);
  if (sync !== 0xff || second === undefined || third === undefined || (second & 0xe0) !== 0xe0) return undefined;
  if ((second & 0xf6) === 0xf0) {
    const length = (((fourth ?? 0) & 3) << 11) | ((fifth ?? 0) << 3) | ((sixth ?? 0) >> 5);
    return length > 7 ? { name: 'an AAC file', bytes: length } : undefined;
  }
  if ((second & 0x06) !== 0x02 || (second & 0x18) === 0x08) return undefined;
  const isVersion1 = (second & 0x18) === 0x18;
  const kbps = MP3_KBPS[isVersion1 ? 0 : 1]?.[third >> 4] ?? 0;
  const rate = ([44_100, 48_000, 32_000][(third >> 2) & 3] ?? 0) / (isVersion1 ? 1 : (second & 0x18) === 0x10 ? 2 : 4);
  if (kbps === 0 || rate === 0) return undefined;
  return { name: 'an MP3 file', bytes: Math.floor(((isVersion1 ? 144 : 72) * kbps * 1_000) / rate) + ((third >> 1) & 1) };
}

function isText(bytes: Buffer): boolean {
  const start = bytes.subarray(0, 4_096);
  const isPrintable = start.every((byte) => byte >= 0x20 || (byte >= 0x09 && byte <= 0x0d));
  if (!isPrintable) return false;
  // The end of `start` may split a character.
  return !new TextDecoder('utf-8').decode(start, { stream: true }).includes('\ufffd');
}

/** Returns `name` for a POSIX shell: quoted where needed, and never read as an option. */
export function shellQuoted(name: string): string {
  const path = name.startsWith('-') ? `./${name}` : name;
  if (/^[A-Za-z0-9_./,:=@%+-]+$/.test(path)) return path;
  if (/\p{Cc}/u.test(path)) return `$'${path.replace(/['\\]|\p{Cc}/gu, (c) => (c === "'" || c === '\\' ? `\\${c}` : escaped(c)))}'`;
  return `'${path.replaceAll("'", `'\\''`)}'`;
}

function escaped(character: string): string {
  return [...Buffer.from(character)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
}
