// Parses the fmt chunk into the format of the samples (Multimedia Programming Interface 1.0;
// WAVEFORMATEXTENSIBLE of ksmedia.h). Contradictory fields are reported, and read as ffmpeg and sox
// read them.
import { HayateError } from '../../kernel/error.ts';

/** How samples are stored. */
export interface WavFormat {
  readonly encoding: 'integer' | 'float' | 'A-law' | 'µ-law';
  readonly isLittleEndian: boolean;
  /**
   * Bytes of one sample of one channel. Integers are left-justified in them, so fewer valid bits
   * need no special case.
   */
  readonly sampleBytes: number;
  /** From 1 to CHANNELS_MAX. */
  readonly channels: number;
  /** Hz. */
  readonly sampleRate: number;
  /** The places of the channels (dwChannelMask); 0 if the file does not name them. */
  readonly channelMask: number;
}

/** The most channels of a readable file. */
const CHANNELS_MAX = 128;
/** The sample sizes that can be read, in bytes. */
const SAMPLE_BYTES: readonly number[] = [1, 2, 3, 4, 8];
/** Hz. */
const SAMPLE_RATE_MIN = 1_000;
/** Hz. */
const SAMPLE_RATE_MAX = 768_000;

const EXTENSIBLE = 0xfffe;
const ENCODINGS: Readonly<Record<number, WavFormat['encoding']>> = { 1: 'integer', 3: 'float', 6: 'A-law', 7: 'µ-law' };
/**
 * The end of an extensible format's GUID, after the code: KSDATAFORMAT_SUBTYPE_*, and its
 * equivalent in ambisonic files.
 */
const GUID_ENDS = ['00001000800000aa00389b71', '2107d3118644c8c1ca000000'];

/** Names of compressed formats, by their codes (mmreg.h). */
const COMPRESSED: Readonly<Record<number, string>> = {
  2: 'Microsoft ADPCM',
  17: 'IMA ADPCM',
  32: 'Yamaha ADPCM',
  49: 'GSM 6.10',
  52: 'DSP Group TrueSpeech',
  64: 'G.721 ADPCM',
  66: 'G.723.1',
  69: 'G.726 ADPCM',
  80: 'MPEG audio (MP2)',
  85: 'MP3',
  100: 'G.726 ADPCM',
  101: 'G.722',
  131: 'G.729',
  146: 'AC-3 (S/PDIF)',
  255: 'AAC',
  353: 'Windows Media Audio',
  354: 'Windows Media Audio',
  355: 'Windows Media Audio Lossless',
  624: 'ATRAC3',
  655: 'G.722',
  5632: 'AAC',
  5648: 'AAC',
  8192: 'AC-3',
  8193: 'DTS',
  26447: 'Ogg Vorbis',
  28783: 'Opus',
  41225: 'Speex',
  61868: 'FLAC',
};

/** Parses the body of a fmt chunk. Throws HayateError BAD_REQUEST for an unsupported format. */
export function parseFormat(body: Uint8Array, isLittleEndian: boolean, warn: (line: string) => void): WavFormat {
  if (body.length < 14) throw refuse('its format is cut short');
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const u16 = (at: number) => view.getUint16(at, isLittleEndian);
  const u32 = (at: number) => view.getUint32(at, isLittleEndian);
  const frame: Frame = {
    channels: u16(2),
    sampleRate: u32(4),
    byteRate: u32(8),
    blockBytes: u16(12),
    bits: body.length < 16 ? 0 : u16(14),
  };
  const encoding = encodingOf(body, u16(0), frame.bits, warn);
  const sampleBytes = encoding === 'A-law' || encoding === 'µ-law' ? 1 : undefined;
  const shape = frameShape(frame, sampleBytes, warn);
  if (encoding === 'float' && shape.sampleBytes !== 4 && shape.sampleBytes !== 8)
    throw refuse(`its samples are floating-point numbers of ${8 * shape.sampleBytes} bits; 32 and 64 bits are supported`);
  const channelMask = u16(0) === EXTENSIBLE && body.length >= 24 ? u32(20) : 0;
  return { encoding, isLittleEndian, ...shape, sampleRate: sampleRateOf(frame, warn), channelMask };
}

/** The fields of `fmt ` that determine the length of a sample frame. */
interface Frame {
  readonly channels: number;
  readonly sampleRate: number;
  readonly byteRate: number;
  readonly blockBytes: number;
  /** 0 if not given. */
  readonly bits: number;
}

function encodingOf(body: Uint8Array, code: number, bits: number, warn: (line: string) => void): WavFormat['encoding'] {
  if (code !== EXTENSIBLE) return known(code, bits);
  if (body.length < 40) {
    warn('its extensible format is cut short; its samples are taken for plain PCM');
    return bits === 64 ? 'float' : 'integer';
  }
  const guid = Buffer.from(body.subarray(24, 40));
  const end = guid.toString('hex', 4);
  if (GUID_ENDS.includes(end)) return known(guid.readUInt32LE(0), bits);
  // Big-endian files store the GUID's numbers either big-endian or as other files do.
  const swapped = Buffer.concat([
    guid.subarray(0, 4).reverse(),
    guid.subarray(4, 6).reverse(),
    guid.subarray(6, 8).reverse(),
    guid.subarray(8),
  ]);
  if (GUID_ENDS.includes(swapped.toString('hex', 4))) return known(swapped.readUInt32LE(0), bits);
  throw refuse(`its samples have an unsupported format (${guid.toString('hex')}); ${CONVERT}`);
}

function known(code: number, bits: number): WavFormat['encoding'] {
  const encoding = ENCODINGS[code];
  if (encoding !== undefined) return encoding;
  const name = COMPRESSED[code] ?? `of format ${code} with ${bits} bits, which is not supported`;
  throw refuse(`its samples are ${name}; ${CONVERT}`);
}

const CONVERT = 'convert it first: ffmpeg -i FILE -c:a pcm_s16le out.wav';

/**
 * Determines channels and bytes per sample. As in ffmpeg and sox, bits and channels decide,
 * whatever the block size. The block size decides where bits and channels make no sense, for
 * samples of up to 24 bits stored in 32, and against a high channel count if the byte rate agrees
 * with it.
 */
function frameShape(frame: Frame, fixedBytes: number | undefined, warn: (line: string) => void): Shape {
  const { channels, sampleRate, byteRate, blockBytes, bits } = frame;
  const stated: Shape = { channels, sampleBytes: fixedBytes ?? Math.ceil(bits / 8) };
  const padded: Shape = { channels, sampleBytes: 4 };
  if (isShape(stated) && frameBytesOf(stated) === blockBytes) return stated;
  const isPadded = stated.sampleBytes === 3 && frameBytesOf(padded) === blockBytes;
  const isMany = channels > 2 && byteRate === blockBytes * sampleRate;
  const fewer: Shape = { channels: blockBytes / stated.sampleBytes, sampleBytes: stated.sampleBytes };
  const candidates = [
    ...(isPadded ? [padded] : []),
    ...(isMany ? [fewer] : []),
    stated,
    { channels, sampleBytes: blockBytes / channels },
    fewer,
  ];
  const taken = candidates.find(isShape);
  if (taken === undefined)
    throw refuse(
      isCount(channels)
        ? `its samples have ${bits} bits; 8, 16, 24, 32 and 64 are supported`
        : `it has ${channels} channels; 1 to ${CHANNELS_MAX} are supported`,
    );
  // Formats without a number of bits are as old as WAV and not faulty.
  if (bits !== 0 || channels !== taken.channels)
    warn(
      `its header contradicts itself: ${channels} channels of ${bits} bits in blocks of ${blockBytes} bytes; ` +
        `read as ${taken.channels} channels of ${8 * taken.sampleBytes} bits`,
    );
  return taken;
}

interface Shape {
  readonly channels: number;
  readonly sampleBytes: number;
}

function isShape({ channels, sampleBytes }: Shape): boolean {
  return isCount(channels) && SAMPLE_BYTES.includes(sampleBytes);
}

function isCount(channels: number): boolean {
  return Number.isInteger(channels) && channels >= 1 && channels <= CHANNELS_MAX;
}

function frameBytesOf({ channels, sampleBytes }: Shape): number {
  return channels * sampleBytes;
}

function sampleRateOf({ sampleRate, byteRate, blockBytes }: Frame, warn: (line: string) => void): number {
  const other = blockBytes > 0 ? byteRate / blockBytes : 0;
  if (!isRate(sampleRate) && !isRate(other))
    throw refuse(`its sample rate is ${sampleRate} Hz; ${SAMPLE_RATE_MIN} to ${SAMPLE_RATE_MAX} Hz are supported`);
  const taken = isRate(sampleRate) ? sampleRate : other;
  if (sampleRate !== other && byteRate > 0 && blockBytes > 0)
    warn(`its header contradicts itself: ${sampleRate} Hz, but ${byteRate} bytes a second; read at ${taken} Hz`);
  return taken;
}

function isRate(rate: number): boolean {
  return Number.isInteger(rate) && rate >= SAMPLE_RATE_MIN && rate <= SAMPLE_RATE_MAX;
}

function refuse(why: string): HayateError {
  return new HayateError('BAD_REQUEST', why);
}
