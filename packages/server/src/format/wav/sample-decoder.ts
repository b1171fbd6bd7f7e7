// Decodes the bytes of whole sample frames to numbers in [-1, 1]: PCM of 8 to 64 bits, floating
// point, A-law and µ-law (ITU-T G.711). Numbers beyond full scale are clipped, and values that are
// not numbers become silence; both are counted.
import type { WavFormat } from './wav-format.ts';

/** Decodes the samples of one file. */
export class SampleDecoder {
  readonly #format: WavFormat;
  /** Floating-point samples beyond full scale so far. */
  clipped = 0;
  /** Floating-point samples so far that were not finite numbers. */
  notFinite = 0;

  constructor(format: WavFormat) {
    this.#format = format;
  }

  /** Decodes all samples in `bytes`, in order. */
  decode(bytes: Uint8Array): Float32Array {
    const { encoding, sampleBytes, isLittleEndian } = this.#format;
    const out = new Float32Array(Math.floor(bytes.length / sampleBytes));
    if (encoding === 'float') this.#decodeFloats(bytes, out);
    else if (encoding === 'A-law') decodeByTable(bytes, out, A_LAW);
    else if (encoding === 'µ-law') decodeByTable(bytes, out, MU_LAW);
    else if (sampleBytes === 1) decodeByTable(bytes, out, UNSIGNED);
    else decodeIntegers(bytes, out, sampleBytes, isLittleEndian);
    return out;
  }

  #decodeFloats(bytes: Uint8Array, out: Float32Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { sampleBytes, isLittleEndian } = this.#format;
    for (let i = 0; i < out.length; i++) {
      const value = sampleBytes === 4 ? view.getFloat32(4 * i, isLittleEndian) : view.getFloat64(8 * i, isLittleEndian);
      if (Math.abs(value) <= 1) out[i] = value;
      else if (Number.isFinite(value)) {
        this.clipped++;
        out[i] = Math.sign(value);
      } else this.notFinite++;
    }
  }
}

/** Two's complement of `width` bytes; only the upper 32 bits are used. */
function decodeIntegers(bytes: Uint8Array, out: Float32Array, width: number, isLittleEndian: boolean): void {
  const [top, step] = isLittleEndian ? [width - 1, -1] : [0, 1];
  const counted = Math.min(width, 4);
  for (let i = 0; i < out.length; i++) {
    let value = 0;
    for (let k = 0, at = i * width + top; k < counted; k++, at += step) value |= (bytes[at] ?? 0) << (24 - 8 * k);
    out[i] = value / 0x8000_0000;
  }
}

function decodeByTable(bytes: Uint8Array, out: Float32Array, table: Float32Array): void {
  for (let i = 0; i < out.length; i++) out[i] = table[bytes[i] ?? 0] ?? 0;
}

const tableOf = (value: (byte: number) => number): Float32Array => Float32Array.from({ length: 256 }, (_, byte) => value(byte));

/** 8-bit PCM, the only unsigned PCM. */
const UNSIGNED = tableOf((byte) => (byte - 128) / 128);

/**
 * G.711 table 1a: sign, three bits of segment, four of position, even bits inverted; 13 bits, here
 * relative to 32768.
 */
const A_LAW = tableOf((byte) => {
  const code = byte ^ 0x55;
  const segment = (code >> 4) & 7;
  const place = ((code & 15) << 4) + 8;
  const size = segment === 0 ? place : (place + 0x100) << (segment - 1);
  return ((code & 0x80) === 0 ? -size : size) / 0x8000;
});

/** G.711 table 2a: all bits inverted; 14 bits, here relative to 32768. */
const MU_LAW = tableOf((byte) => {
  const code = ~byte & 0xff;
  const size = ((((code & 15) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84;
  return ((code & 0x80) === 0 ? size : -size) / 0x8000;
});
