// A WAV file's bytes in, its samples out by channel and index: PCM of 8 to 32 bits and 32 or 64-bit float, as RIFF/WAVE
// has them (Microsoft, Multimedia Programming Interface 1.0; WAVE_FORMAT_EXTENSIBLE of ksmedia.h). Nothing is copied.
import { HayateError } from '../kernel/error.ts';

/** An open WAV file. */
export interface Wav {
  readonly channels: number;
  readonly sampleRate: number;
  /** Samples of one channel. */
  readonly length: number;
  /** A sample in [-1, 1]; 0 outside the file. */
  sample(channel: number, index: number): number;
}

const Format = { PCM: 1, FLOAT: 3, EXTENSIBLE: 0xfffe } as const;

/** Reads the headers. Throws HayateError BAD_REQUEST if the bytes are not such a file. A file cut short ends where it ends. */
export function readWav(bytes: Uint8Array): Wav {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || text(bytes, 0) !== 'RIFF' || text(bytes, 8) !== 'WAVE') throw refuse('it is not a RIFF/WAVE file');
  let format: { code: number; channels: number; sampleRate: number; bits: number } | undefined;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const size = view.getUint32(at + 4, true);
    const body = at + 8;
    if (text(bytes, at) === 'fmt ') format = readFormat(view, body, size);
    if (text(bytes, at) === 'data') {
      if (format === undefined) throw refuse('its samples come before their format');
      return open(view, body, Math.min(size, bytes.length - body), format);
    }
    at = body + size + (size & 1);
  }
  throw refuse('it holds no samples');
}

function readFormat(view: DataView, at: number, size: number): { code: number; channels: number; sampleRate: number; bits: number } {
  if (size < 16 || at + size > view.byteLength) throw refuse('its format is cut short');
  const code = view.getUint16(at, true);
  const inner = code === Format.EXTENSIBLE && size >= 40 ? view.getUint16(at + 24, true) : code;
  const [channels, sampleRate, bits] = [view.getUint16(at + 2, true), view.getUint32(at + 4, true), view.getUint16(at + 14, true)];
  if (channels < 1 || channels > 2) throw refuse(`it has ${channels} channels; mono and stereo can be sent`);
  if (sampleRate < 8_000 || sampleRate > 384_000) throw refuse(`its sample rate is ${sampleRate} Hz; 8000 to 384000 can be read`);
  return { code: inner, channels, sampleRate, bits };
}

function open(
  view: DataView,
  start: number,
  size: number,
  format: { code: number; channels: number; sampleRate: number; bits: number },
): Wav {
  const { code, channels, sampleRate, bits } = format;
  const read = reader(view, code, bits);
  const width = bits / 8;
  const length = Math.floor(size / (width * channels));
  return {
    channels,
    sampleRate,
    length,
    sample: (channel, index) => (index >= 0 && index < length ? read(start + (index * channels + channel) * width) : 0),
  };
}

function reader(view: DataView, code: number, bits: number): (at: number) => number {
  if (code === Format.PCM && bits === 8) return (at) => (view.getUint8(at) - 128) / 128;
  if (code === Format.PCM && bits === 16) return (at) => view.getInt16(at, true) / 0x8000;
  if (code === Format.PCM && bits === 24) return (at) => (view.getInt8(at + 2) * 0x1_0000 + view.getUint16(at, true)) / 0x80_0000;
  if (code === Format.PCM && bits === 32) return (at) => view.getInt32(at, true) / 0x8000_0000;
  if (code === Format.FLOAT && bits === 32) return (at) => finite(view.getFloat32(at, true));
  if (code === Format.FLOAT && bits === 64) return (at) => finite(view.getFloat64(at, true));
  throw refuse(`its samples are of format ${code} with ${bits} bits; PCM of 8, 16, 24 or 32 bits and float can be read`);
}

function finite(value: number): number {
  return Number.isFinite(value) ? Math.min(1, Math.max(-1, value)) : 0;
}

function text(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

function refuse(why: string): HayateError {
  return new HayateError('BAD_REQUEST', why);
}
