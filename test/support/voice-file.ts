// In: a recording. Out: its sound, as `hayate broadcast` would send it and as independent programs
// decode it; and whether all of one is in the other. Sounds are compared at 8 kHz, which is enough
// for a voice.
import assert from 'node:assert/strict';
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { Readable } from 'node:stream';
import { createDecoder } from 'libopus-wasm';
import { openVoiceFile, type VoiceFile } from '../../packages/server/src/cli/voice/voice-file.ts';

/** The audio that is sent of a recording. */
export interface SentVoice {
  readonly channels: 1 | 2;
  /**
   * Interleaved, 48 kHz, from the first sample after the pre-skip; missing packets are left out.
   */
  readonly sound: Float32Array;
  readonly packets: readonly Uint8Array[];
  /** The position of each packet. */
  readonly positions: readonly number[];
  /** The end of the last packet. */
  readonly end: number;
  readonly file: Pick<VoiceFile, 'format' | 'samples' | 'title' | 'notes'>;
  readonly warnings: readonly string[];
  readonly loss: string | undefined;
}

interface SendOptions {
  readonly loop?: boolean;
  readonly bitrate?: number;
  /** Stop after this many 48 kHz samples. */
  readonly samplesMax?: number;
  /** The input for `-`. */
  readonly stdin?: Readable;
}

/**
 * Opens the recording at `path` as `hayate broadcast` does, and decodes the audio it would send.
 * Rejects as the command does.
 */
export async function sendVoice(path: string, options: SendOptions = {}): Promise<SentVoice> {
  const { loop = false, bitrate = 96_000, samplesMax = Number.POSITIVE_INFINITY, stdin = Readable.from([]) } = options;
  const file = await openVoiceFile(path, { loop, bitrate, stdin, signal: new AbortController().signal });
  const channels = file.format.channels === 2 ? 2 : 1;
  const decoder = await createDecoder({ channels, sampleRate: 48_000 });
  const parts: Float32Array[] = [];
  const packets: Uint8Array[] = [];
  const positions: number[] = [];
  let end = 0;
  try {
    for await (const { packet, position, samples } of file.packets()) {
      assert.ok(position >= end, `a packet at ${position}, after one that ends at ${end}`);
      packets.push(packet);
      positions.push(position);
      const pcm = decoder.decodeFloat(packet);
      assert.equal(pcm.length, samples * channels);
      parts.push(pcm);
      end = position + samples;
      if (end >= samplesMax) break;
    }
  } finally {
    decoder.free();
    await file.close();
  }
  const sound = joined(parts).subarray(file.format.preSkip * channels);
  return { channels, sound, packets, positions, end, file, warnings: file.warnings(), loss: file.loss() };
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/**
 * Runs a program to its end and returns its output. Returns undefined if it failed and `mayFail` is
 * set.
 */
export function runTool(path: string, args: readonly string[], { mayFail = false } = {}): Buffer | undefined {
  const result: SpawnSyncReturns<Buffer> = spawnSync(path, args, { maxBuffer: 2 ** 28, timeout: 60_000 });
  if (result.status !== 0 && !mayFail) assert.fail(`${path} ${args.join(' ')}: ${result.error ?? result.stderr}`);
  return result.status === 0 || result.stdout.length > 0 ? result.stdout : undefined;
}

/** Decodes the file by ffmpeg with libopus: stereo, 48 kHz; empty if it decodes nothing. */
export function decodedByFfmpeg(ffmpeg: string, path: string): Float32Array {
  const args = ['-v', 'quiet', '-c:a', 'libopus', '-i', path, '-ac', '2', '-ar', '48000', '-f', 'f32le', '-'];
  return floats(runTool(ffmpeg, args, { mayFail: true }) ?? Buffer.alloc(0));
}

/** Decodes the file by opusdec, in the same form. */
export function decodedByOpusdec(opusdec: string, path: string): Float32Array {
  const bytes = runTool(opusdec, ['--quiet', '--rate', '48000', '--float', '--force-stereo', path, '-'], { mayFail: true });
  return floats(bytes ?? Buffer.alloc(0));
}

function floats(bytes: Buffer): Float32Array {
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length - (bytes.length % 4)));
}

/** Mono at 8 kHz. */
function narrow(sound: Float32Array, channels: number): Float32Array {
  const step = 6 * channels;
  return Float32Array.from({ length: Math.floor(sound.length / step) }, (_, i) => {
    let sum = 0;
    for (let k = i * step; k < (i + 1) * step; k++) sum += sound[k] ?? 0;
    return sum / step;
  });
}

/** 20 ms at 8 kHz. */
const WINDOW = 160;
/** 60 ms: shorter stretches are alike in many places of a voice. */
const STRETCH = 480;
/** Quieter windows count as silence. */
const QUIET = 0.003;
const ALIKE = 0.8;

/** The result of comparing two sounds. */
interface SoundMatch {
  /** Number of 20 ms windows of the reference that are not quiet. */
  readonly loud: number;
  /** Number of these windows that are in the other sound, in the same order. */
  readonly found: number;
  /** The longest run of loud windows that are missing. */
  readonly longestMissing: number;
  /** Where the first window of that run begins, ms. */
  readonly missingAtMs: number;
}

/** Searches `sound`, which has `channels`, for each stretch of `reference` (stereo), in order. */
export function findSound(reference: Float32Array, sound: Float32Array, channels: number): SoundMatch {
  const [theirs, ours] = [narrow(reference, 2), narrow(sound, channels)];
  let [loud, found, run, longestMissing, missingAtMs] = [0, 0, 0, 0, 0];
  let lag = 0;
  let earliest = 0;
  for (let at = 0; at + WINDOW <= theirs.length; at += WINDOW) {
    const window = theirs.subarray(at, at + WINDOW);
    if (rms(window) < QUIET) continue;
    loud++;
    const stretch = theirs.subarray(at, at + STRETCH);
    const place = near(window, ours, at + lag) ?? best(stretch, ours, Math.max(0, earliest - WINDOW));
    if (place === undefined) {
      run++;
      if (run > longestMissing) [longestMissing, missingAtMs] = [run, (at - (run - 1) * WINDOW) / 8];
      continue;
    }
    run = 0;
    found++;
    lag = place - at;
    earliest = place;
  }
  return { loud, found, longestMissing, missingAtMs };
}

function rms(window: Float32Array): number {
  return Math.sqrt(window.reduce((sum, sample) => sum + sample * sample, 0) / window.length);
}

/** The place of `window` in `sound` within 2.5 ms of `at`, if it is there. */
function near(window: Float32Array, sound: Float32Array, at: number): number | undefined {
  for (let d = 0; d <= 20; d++)
    for (const place of d === 0 ? [at] : [at - d, at + d]) if (likeness(window, sound, place) >= ALIKE) return place;
  return undefined;
}

/**
 * The place after `from` where the sound is most like `stretch`, if the likeness is high enough.
 */
function best(stretch: Float32Array, sound: Float32Array, from: number): number | undefined {
  let found: number | undefined;
  let most = ALIKE;
  for (let place = from; place + stretch.length <= sound.length; place++) {
    const value = likeness(stretch, sound, place);
    if (value > most) [found, most] = [place, value];
  }
  return found;
}

/** Normalised correlation; 0 outside the sound. */
function likeness(window: Float32Array, sound: Float32Array, at: number): number {
  if (at < 0 || at + window.length > sound.length) return 0;
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < window.length; i++) {
    const [a, b] = [window[i] ?? 0, sound[at + i] ?? 0];
    ab += a * b;
    aa += a * a;
    bb += b * b;
  }
  return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : 0;
}
