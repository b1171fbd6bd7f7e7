// Reads a WAV file as a stream: bytes go in, samples come out on request, in memory that does not
// grow with the file. It is as tolerant as players: faults are worked around and reported, and the
// audio is read to its last sample.
import { HayateError } from '../../kernel/error.ts';
import { ByteReader } from './byte-reader.ts';
import { codedAudioName } from './coded-audio.ts';
import { type Container, openContainer } from './container.ts';
import { downmixer } from './downmix.ts';
import { SampleDecoder } from './sample-decoder.ts';
import { RunReader, type SampleRun } from './sample-run.ts';

/** An open WAV file. */
export interface Wav {
  /** The channels of `blocks`: files with more channels are mixed down to 2. */
  readonly channels: 1 | 2;
  /** Hz, from 1,000 to 768,000. */
  readonly sampleRate: number;
  /** Samples of one channel by the header; undefined if it does not give it. */
  readonly samples: number | undefined;
  /**
   * Interleaved samples in [-1, 1], in blocks of any length. Can be called once. Rejects with the
   * source's errors.
   */
  blocks(): AsyncIterable<Float32Array>;
}

/** Options for reading a WAV file. */
export interface WavOptions {
  /** Takes a warning about anything unusual, while the header or the samples are read. */
  readonly warn: (line: string) => void;
  /**
   * Bytes of the whole file, if known. Sizes in the file that are too large are then detected at
   * once.
   */
  readonly fileBytes?: number | undefined;
}

/** Bytes examined for coded audio in place of samples. */
const PROBE_BYTES = 4_096;
/** The most frames of silence returned at once. */
const SILENT_FRAMES = 8_192;

/**
 * Reads the headers of `bytes` and leaves the samples to be streamed. Rejects with HayateError
 * BAD_REQUEST if this is not a WAV file, has no samples, or has an unsupported format; the message
 * gives the reason. Closes `bytes` in the end.
 */
export async function readWav(bytes: AsyncIterable<Uint8Array>, options: WavOptions): Promise<Wav> {
  const reader = new ByteReader(bytes);
  try {
    const container = await openContainer(reader, options.warn);
    const chunks = new RunReader(reader, container, options);
    const runs = chunks.runs();
    const first = await runs.next();
    if (first.done) throw chunks.absence;
    await refuseDisguised(reader, container, first.value);
    return openRuns(reader, first.value, runs, options);
  } catch (error) {
    await reader.close();
    throw error;
  }
}

async function refuseDisguised(reader: ByteReader, { isLittleEndian }: Container, { format }: SampleRun): Promise<void> {
  if (format.encoding !== 'integer' || format.sampleBytes !== 2 || !isLittleEndian) return;
  const kind = codedAudioName(await reader.peek(PROBE_BYTES));
  if (kind !== undefined)
    throw new HayateError('BAD_REQUEST', `its samples are ${kind}; convert it first: ffmpeg -i FILE -c:a pcm_s16le out.wav`);
}

function openRuns(reader: ByteReader, first: SampleRun, rest: AsyncIterable<SampleRun>, { warn }: WavOptions): Wav {
  const { format, frames } = first;
  async function* blocks(): AsyncGenerator<Float32Array> {
    const decoder = new SampleDecoder(format);
    const mix = format.channels > 2 ? downmixer(format.channels, format.channelMask) : (block: Float32Array) => block;
    try {
      for await (const block of decodeRun(first, decoder, warn)) yield mix(block);
      for await (const run of rest) for await (const block of decodeRun(run, decoder, warn)) yield mix(block);
    } finally {
      await reader.close();
    }
    if (decoder.clipped > 0) warn(`${decoder.clipped} of its samples are beyond full scale; they were clipped`);
    if (decoder.notFinite > 0) warn(`${decoder.notFinite} of its samples are not numbers; they were read as silence`);
  }
  if (format.channels > 2) warn(`it has ${format.channels} channels; they are mixed down to 2`);
  return { channels: format.channels === 1 ? 1 : 2, sampleRate: format.sampleRate, samples: frames, blocks };
}

async function* decodeRun(run: SampleRun, decoder: SampleDecoder, warn: (line: string) => void): AsyncGenerator<Float32Array> {
  const { channels, sampleBytes } = run.format;
  const frameBytes = channels * sampleBytes;
  if (run.bytes === undefined) {
    for (let left = run.frames ?? 0; left > 0; left -= SILENT_FRAMES) yield new Float32Array(Math.min(left, SILENT_FRAMES) * channels);
    return;
  }
  let carried: Uint8Array = new Uint8Array(0);
  for await (const block of run.bytes) {
    const bytes = carried.length === 0 ? block : Buffer.concat([carried, block]);
    const whole = bytes.length - (bytes.length % frameBytes);
    if (whole > 0) yield decoder.decode(bytes.subarray(0, whole));
    carried = bytes.subarray(whole);
  }
  if (carried.length > 0) warn(`it ends within a sample; ${carried.length} bytes were left out`);
}
