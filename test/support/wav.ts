// WAV files for tests, as bytes: chunk by chunk, so that each may be wrong; and the result of
// reading them.
import assert from 'node:assert/strict';
import { readWav, type WavOptions } from '../../packages/server/src/format/wav/index.ts';

/** The fields of a chunk `fmt `; omitted ones are derived from the others. */
export interface FormatFields {
  readonly code?: number;
  readonly channels?: number;
  readonly sampleRate?: number;
  readonly bits?: number;
  readonly blockBytes?: number;
  readonly byteRate?: number;
}

/**
 * The body of a 16-byte chunk `fmt `, followed by `more`. The defaults are mono PCM of 16 bits at
 * 48 kHz.
 */
export function format(fields: FormatFields = {}, more: Uint8Array = new Uint8Array(0)): Buffer {
  const { code = 1, channels = 1, sampleRate = 48_000, bits = 16 } = fields;
  const { blockBytes = channels * Math.ceil(bits / 8) } = fields;
  const { byteRate = sampleRate * blockBytes } = fields;
  const body = Buffer.alloc(16);
  body.writeUInt16LE(code, 0);
  body.writeUInt16LE(channels, 2);
  body.writeUInt32LE(sampleRate, 4);
  body.writeUInt32LE(byteRate, 8);
  body.writeUInt16LE(blockBytes, 12);
  body.writeUInt16LE(bits, 14);
  return Buffer.concat([body, more]);
}

/** The fields that WAVEFORMATEXTENSIBLE adds, for `format` with code 0xfffe. */
export function extension({ validBits, mask, code }: { validBits: number; mask: number; code: number }): Buffer {
  const more = Buffer.from('1600000000000000000000000000100080' + '0000aa00389b71', 'hex');
  more.writeUInt16LE(validBits, 2);
  more.writeUInt32LE(mask, 4);
  more.writeUInt16LE(code, 8);
  return more;
}

/** A chunk. `size` is the size it claims, and padding may be left out. */
export function chunk(id: string, body: Uint8Array, { size = body.length, pad = true }: { size?: number; pad?: boolean } = {}): Buffer {
  const header = Buffer.alloc(8);
  header.write(id, 'latin1');
  header.writeUInt32LE(size, 4);
  return Buffer.concat([header, body, Buffer.alloc(pad ? body.length % 2 : 0)]);
}

/** A RIFF file of kind WAVE. */
export function riff(chunks: readonly Uint8Array[], { id = 'RIFF', size }: { id?: string; size?: number } = {}): Buffer {
  const body = Buffer.concat([Buffer.from('WAVE'), ...chunks]);
  return chunk(id, body, { size: size ?? body.length, pad: false });
}

/** PCM of 16 bits. */
export function pcm16(samples: Iterable<number>): Buffer {
  return Buffer.from(Int16Array.from(samples).buffer);
}

/** `bytes` in pieces of `pieceBytes`. */
export async function* streamOf(bytes: Uint8Array, pieceBytes = 4_096): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

/** The content read from a file. */
export interface ReadWav {
  readonly channels: number;
  readonly sampleRate: number;
  readonly samples: number | undefined;
  /** Interleaved. */
  readonly sound: Float32Array;
  readonly warnings: readonly string[];
}

/** Reads all of a file. */
export async function readAll(
  bytes: Uint8Array,
  { pieceBytes, ...options }: Partial<WavOptions> & { pieceBytes?: number } = {},
): Promise<ReadWav> {
  const warnings: string[] = [];
  const wav = await readWav(streamOf(bytes, pieceBytes), { ...options, warn: (line) => warnings.push(line) });
  const blocks: Float32Array[] = [];
  for await (const block of wav.blocks()) blocks.push(block);
  const sound = new Float32Array(blocks.reduce((sum, block) => sum + block.length, 0));
  let at = 0;
  for (const block of blocks) {
    sound.set(block, at);
    at += block.length;
  }
  for (const line of warnings) assert.doesNotMatch(line, /\n|NaN|undefined|Infinity/);
  return { channels: wav.channels, sampleRate: wav.sampleRate, samples: wav.samples, sound, warnings };
}
