// Reads the chunks of a WAV file and returns its runs of samples, in order. Most files have one
// run, in one data chunk. Other chunks are skipped. Several data chunks form one recording, as do
// the samples and silences of a `wavl` list.
import { HayateError } from '../../kernel/error.ts';
import type { ByteReader } from './byte-reader.ts';
import { type ChunkHeader, type Container, chunkHeader, text } from './container.ts';
import { alignToChunk, readDataChunk } from './data-chunk.ts';
import { parseFormat, type WavFormat } from './wav-format.ts';

/**
 * Consecutive samples, or silence. The caller must take all bytes before it requests the next run.
 */
export interface SampleRun {
  readonly format: WavFormat;
  /** Undefined for silence. */
  readonly bytes: AsyncIterable<Uint8Array> | undefined;
  /** Samples of one channel by the header; undefined if it does not give it. */
  readonly frames: number | undefined;
}

/** The longest chunk body that is kept whole. Most formats have 16 to 40 bytes. */
const BODY_BYTES_MAX = 4_096;
/** The most bytes of samples kept in memory if they come before their format. */
const EARLY_BYTES_MAX = 1 << 26;
/** The limit for silence that a few bytes can request (`slnt` chunk), in seconds. */
const SILENCE_SECONDS_MAX = 600;

/** Facts about the file, and the receiver of warnings. */
interface FileFacts {
  readonly warn: (line: string) => void;
  readonly fileBytes?: number | undefined;
}

/** Reads the chunks of a file whose beginning has been taken. */
export class RunReader {
  readonly #reader: ByteReader;
  readonly #container: Container;
  readonly #facts: FileFacts;
  #format: WavFormat | undefined;
  #hasData = false;
  /** The size of the first data chunk from the ds64 chunk. */
  #size64: number | undefined;
  /** Samples whose format has not been read yet. */
  #early: Uint8Array | undefined;
  /** The name of the chunk that the end of the file cuts short, other than data. */
  #cut: string | undefined;

  constructor(reader: ByteReader, container: Container, facts: FileFacts) {
    this.#reader = reader;
    this.#container = container;
    this.#facts = facts;
  }

  /** The runs, from the reader's position to the end of the file. */
  async *runs(): AsyncGenerator<SampleRun, void> {
    for (;;) {
      const header = chunkHeader(await this.#reader.take(this.#container.headerBytes), this.#container);
      if (header === undefined) return;
      const run = await this.#readChunk(header);
      if (run !== undefined) yield run;
    }
  }

  /** The error for a file without runs, after it was read to its end. */
  get absence(): HayateError {
    const cut = this.#cut === undefined ? '' : `: it ends within its chunk ${JSON.stringify(this.#cut)}`;
    if (this.#early !== undefined) return refuse(`the format of its samples is missing${cut}`);
    return refuse(`${this.#format === undefined ? 'it holds neither a format nor samples' : 'it holds no samples'}${cut}`);
  }

  async #readChunk(header: ChunkHeader): Promise<SampleRun | undefined> {
    const { id, size } = header;
    const { warn } = this.#facts;
    if (id === 'data') return this.#format === undefined ? await this.#keepEarly(size) : await this.#readData(size, this.#format);
    if (id === 'LIST' && text(await this.#reader.peek(4), 0) === 'wavl') {
      await this.#reader.skip(4);
      return undefined;
    }
    if ((id === 'RIFF' || id === 'RIFX' || id === 'RF64') && this.#hasData) warn('another recording follows in the file; it was not read');
    const body = await this.#takeBody(header);
    if (id === 'ds64' && body.length >= 16) this.#size64 = Number(new DataView(body.buffer, body.byteOffset).getBigUint64(8, true));
    if (id === 'slnt' && this.#format !== undefined) return silence(body, this.#format, this.#container, warn);
    if (id !== 'fmt ' || this.#format !== undefined) return undefined;
    this.#format = parseFormat(body, this.#container.isLittleEndian, warn);
    const early = this.#early;
    this.#early = undefined;
    return early === undefined ? undefined : { format: this.#format, bytes: once(early), frames: framesOf(early.length, this.#format) };
  }

  /**
   * The body of a chunk, or its first bytes if it is long. The reader then is at the next chunk.
   */
  async #takeBody({ id, size }: ChunkHeader): Promise<Uint8Array> {
    const body = await this.#reader.take(Math.min(size, BODY_BYTES_MAX));
    if (body.length + (await this.#reader.skip(size - body.length)) < size) this.#cut = id;
    await this.#skipPadding(size);
    return body;
  }

  async #skipPadding(size: number): Promise<void> {
    const { alignment } = this.#container;
    if ((await alignToChunk(this.#reader, this.#container, size)) === 'other')
      await this.#reader.skip((alignment - (size % alignment)) % alignment);
  }

  async #readData(written: number, format: WavFormat): Promise<SampleRun | undefined> {
    const { warn, fileBytes } = this.#facts;
    const bytesLeft = fileBytes === undefined ? undefined : Math.max(0, fileBytes - this.#reader.position);
    const size = this.#dataSize(written, bytesLeft);
    this.#hasData = true;
    if (size === 0 && (await alignToChunk(this.#reader, this.#container, 0)) !== 'other') return undefined;
    const frameBytes = format.channels * format.sampleBytes;
    if ((await this.#reader.peek(frameBytes)).length < frameBytes) {
      if (size > 0) this.#cut = 'data';
      return undefined;
    }
    const describe = (bytes: number) => {
      const frames = Math.floor(bytes / frameBytes);
      return `${frames} samples (${(frames / format.sampleRate).toFixed(2)} s)`;
    };
    const likely = Math.min(size === 0 ? Number.POSITIVE_INFINITY : size, bytesLeft ?? Number.POSITIVE_INFINITY);
    return {
      format,
      bytes: readDataChunk(this.#reader, this.#container, { size, bytesLeft, frameBytes, describe, warn }),
      frames: Number.isFinite(likely) ? framesOf(likely, format) : undefined,
    };
  }

  /** Bytes of samples; 0 or Infinity if the header does not give it. */
  #dataSize(written: number, bytesLeft = Number.POSITIVE_INFINITY): number {
    const is64 = this.#container.kind === 'Wave64';
    const inDs64 = this.#container.kind === 'RF64' && (written === 0 || written >= 0xffff_ff00) ? this.#size64 : undefined;
    this.#size64 = undefined;
    const size = inDs64 ?? written;
    // Placeholder lengths for "not known yet": arecord, sox and GStreamer write the first kind,
    // ffmpeg the second.
    const isPlaceholder = (size >= 0x7fff_0000 && size <= 0x8000_0000) || (inDs64 === undefined && size >= 0xffff_ff00);
    if (size > Number.MAX_SAFE_INTEGER) return Number.POSITIVE_INFINITY;
    return !is64 && isPlaceholder && (size > bytesLeft || bytesLeft === Number.POSITIVE_INFINITY) ? Number.POSITIVE_INFINITY : size;
  }

  /** Keeps samples until their format is known. */
  async #keepEarly(size: number): Promise<undefined> {
    const samples = await this.#reader.take(Math.min(size, EARLY_BYTES_MAX + 1));
    if (samples.length > EARLY_BYTES_MAX) throw refuse('its samples come before their format; convert it first: ffmpeg -i FILE out.wav');
    if (samples.length < size) this.#cut = 'data';
    await this.#skipPadding(size);
    this.#early = this.#early === undefined ? samples : Buffer.concat([this.#early, samples]);
    return undefined;
  }
}

function framesOf(bytes: number, { channels, sampleBytes }: WavFormat): number {
  return Math.floor(bytes / (channels * sampleBytes));
}

function silence(body: Uint8Array, format: WavFormat, container: Container, warn: (line: string) => void): SampleRun | undefined {
  if (body.length < 4) return undefined;
  const asked = new DataView(body.buffer, body.byteOffset).getUint32(0, container.isLittleEndian);
  const frames = Math.min(asked, SILENCE_SECONDS_MAX * format.sampleRate);
  if (frames < asked) warn(`it asks for ${asked} samples of silence; ${frames} are read`);
  return { format, bytes: undefined, frames };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function refuse(why: string): HayateError {
  return new HayateError('BAD_REQUEST', why);
}
