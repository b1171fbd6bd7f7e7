// The chunks of a WAV file in, its runs of samples out, in order: most files have one, in one chunk `data`. Chunks that are not
// sound are skipped. Several data chunks are one recording, and so are the samples and silences of a list `wavl`.
import { HayateError } from '../../kernel/error.ts';
import type { ByteReader } from './byte-reader.ts';
import { type ChunkHeader, type Container, chunkHeader, text } from './container.ts';
import { alignToChunk, readDataChunk } from './data-chunk.ts';
import { parseFormat, type WavFormat } from './wav-format.ts';

/** Samples that lie together: bytes to decode, all of which are taken before the next run is asked for, or silence. */
export interface SampleRun {
  readonly format: WavFormat;
  /** Undefined for silence. */
  readonly bytes: AsyncIterable<Uint8Array> | undefined;
  /** Samples of one channel by the header, if it says. */
  readonly frames: number | undefined;
}

/** The longest body of a chunk of which all is kept. Most formats have 16 to 40 bytes. */
const BODY_BYTES_MAX = 4_096;
/** Samples kept in memory where they come before their format. */
const EARLY_BYTES_MAX = 1 << 26;
/** Seconds of silence that a few bytes can order (chunk `slnt`). */
const SILENCE_SECONDS_MAX = 600;

/** What is known of a file besides its bytes. */
interface FileFacts {
  readonly warn: (line: string) => void;
  readonly fileBytes?: number | undefined;
}

/** Reads the chunks of a file whose beginning was taken. */
export class RunReader {
  readonly #reader: ByteReader;
  readonly #container: Container;
  readonly #facts: FileFacts;
  #format: WavFormat | undefined;
  #hasData = false;
  /** Size of the first data chunk by the chunk ds64. */
  #size64: number | undefined;
  /** Samples whose format is yet to come. */
  #early: Uint8Array | undefined;
  /** The chunk that the end of the file cut, other than data. */
  #cut: string | undefined;

  constructor(reader: ByteReader, container: Container, facts: FileFacts) {
    this.#reader = reader;
    this.#container = container;
    this.#facts = facts;
  }

  /** The runs, from where the reader stands to the end of the file. */
  async *runs(): AsyncGenerator<SampleRun, void> {
    for (;;) {
      const header = chunkHeader(await this.#reader.take(this.#container.headerBytes), this.#container);
      if (header === undefined) return;
      const run = await this.#readChunk(header);
      if (run !== undefined) yield run;
    }
  }

  /** Why the file, read to its end, has no runs. */
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

  /** The body of a chunk, or its first bytes if it is long. The reader then stands at the next chunk. */
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

  /** Bytes of samples; 0 or Infinity if the header does not say. */
  #dataSize(written: number, bytesLeft = Number.POSITIVE_INFINITY): number {
    const is64 = this.#container.kind === 'Wave64';
    const inDs64 = this.#container.kind === 'RF64' && (written === 0 || written >= 0xffff_ff00) ? this.#size64 : undefined;
    this.#size64 = undefined;
    const size = inDs64 ?? written;
    // Lengths that stand for "not known yet": of arecord, sox and GStreamer the first, of ffmpeg the second.
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
