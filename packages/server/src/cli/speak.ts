// Sends a recording in real time: packets and poses, in order of time, go out when a monotonic
// clock reaches their time. Position 0 of the voice is the moment the broadcast began, so nothing
// drifts, however late a single timer is. Only a source that is itself late (a pipe that falls
// silent) delays the packets after it, by the time spent waiting.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Broadcaster } from '@hayate/client';
import { IdlePerformer, perform, VoicePerformer } from '@hayate/client/performer';
import { HayateError } from '../kernel/error.ts';
import { untilInterrupted } from './interruption.ts';
import type { PlacedPacket } from './voice/placed-packet.ts';
import { ReadAhead } from './voice/read-ahead.ts';
import type { VoiceFile } from './voice/voice-file.ts';
import { createVoiceDecoder, type Heard } from './voice-decoder.ts';

/** Packets decoded before they are due, so that the lips follow the sound around a pose's time. */
const AHEAD_PACKETS = 3;
/** Packets read before they are decoded: usually one page. */
const READ_AHEAD_PACKETS = 50;
/** A packet that is later than this, because the source was late, delays the packets after it. */
const LATE_MS = 20;
/** Positions on the timeline are multiples of 2.5 ms, the steps that packets can fill. */
const STEP_SAMPLES = 120;

/** For waits that must not be interrupted. */
const NEVER = new AbortController().signal;

interface SpeakOptions {
  /** Poses a second; 0 for none. */
  readonly motionRate: number;
  readonly seed: number;
  /**
   * When aborted, speaking stops, but not before the first packet: there is no broadcast without a
   * voice.
   */
  readonly signal: AbortSignal;
}

interface DuePacket {
  readonly packet: Uint8Array;
  readonly position: number;
  readonly level: number;
  /** When its last sample would have been captured, in milliseconds since the broadcast began. */
  readonly dueMs: number;
}

/** A voice that is ready: its first packet, or its end, has arrived. */
export interface Speech {
  /**
   * Sends the whole voice through a started `broadcaster`. Resolves at its end, or soon after the
   * signal. Call it once. Rejects with the file's errors.
   */
  speak(broadcaster: Broadcaster, options: SpeakOptions): Promise<void>;
  /** Releases the file's packets. */
  close(): void;
}

/**
 * Waits for the first packet of `file`. Rejects with the file's errors, or with the reason of
 * `signal`.
 */
export async function prepareSpeech(file: VoiceFile, signal: AbortSignal): Promise<Speech> {
  const voice = new VoicePerformer();
  const queue = await DueQueue.open(file, voice);
  try {
    await untilInterrupted(signal, queue.ready());
  } catch (error) {
    queue.close();
    throw error;
  }
  return { speak: (broadcaster, options) => speak(broadcaster, queue, voice, options), close: () => queue.close() };
}

async function speak(
  broadcaster: Broadcaster,
  queue: DueQueue,
  voice: VoicePerformer,
  { motionRate, seed, signal }: SpeakOptions,
): Promise<void> {
  const beganMs = performance.now() - broadcaster.nowUs() / 1000;
  const idle = new IdlePerformer(seed);
  let isHeard = false;
  queue.begin(beganMs);
  try {
    for (let pose = 0; ; ) {
      queue.fill();
      const { first } = queue;
      if (first === undefined && queue.isOver) return;
      const poseMs = motionRate > 0 ? (pose * 1000) / motionRate : Number.POSITIVE_INFINITY;
      const dueMs = first?.dueMs ?? Number.POSITIVE_INFINITY;
      const waitMs = beganMs + Math.min(poseMs, dueMs) - performance.now();
      // Overdue packets wait for one turn of the event loop too, so that acknowledgements are read.
      await either(Math.max(0, waitMs), waitMs > 0 ? queue.more() : undefined, isHeard ? signal : NEVER);
      if (signal.aborted && isHeard) return;
      if (waitMs > 0 && performance.now() < beganMs + Math.min(poseMs, dueMs)) continue;
      if (poseMs <= dueMs) {
        broadcaster.sendMotion(perform(poseMs, idle, voice), { captureUs: poseMs * 1000 });
        pose++;
      } else if (first !== undefined) {
        const { packet, position, level } = first;
        broadcaster.sendAudio({ packets: [packet], position, level, captureUs: (position / 48) * 1000 });
        queue.shift();
        isHeard = true;
      }
    }
  } finally {
    queue.close();
  }
}

/** Waits `ms`, or less if `event` resolves or `signal` aborts earlier. */
async function either(ms: number, event: Promise<void> | undefined, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const until = AbortSignal.any([over.signal, signal]);
  const slept = sleep(Number.isFinite(ms) ? ms : 2 ** 31 - 1, undefined, { signal: until }).catch(() => undefined);
  await Promise.race(event === undefined ? [slept] : [slept, event]);
  over.abort();
}

/** The packets of a voice, decoded shortly before they are due. */
class DueQueue {
  readonly #file: VoiceFile;
  readonly #voice: VoicePerformer;
  #beganMs = 0;
  readonly #decode: Awaited<ReturnType<typeof createVoiceDecoder>>;
  readonly #source: ReadAhead<PlacedPacket>;
  readonly #due: DuePacket[] = [];
  /** Samples by which everything is delayed because the source was late. */
  #shift = 0;
  /** When the source was first found to be empty. */
  #emptySinceMs: number | undefined;

  private constructor(file: VoiceFile, voice: VoicePerformer, decode: Awaited<ReturnType<typeof createVoiceDecoder>>) {
    this.#file = file;
    this.#voice = voice;
    this.#decode = decode;
    this.#source = new ReadAhead(file.packets(), READ_AHEAD_PACKETS);
  }

  static async open(file: VoiceFile, voice: VoicePerformer): Promise<DueQueue> {
    return new DueQueue(file, voice, await createVoiceDecoder(file.format.channels));
  }

  /** Resolves when the source has a packet or has ended; rejects with the source's error. */
  async ready(): Promise<void> {
    while (this.#source.first === undefined && !this.#source.isOver) await this.#source.more();
  }

  /** Sets the time of position 0 to `beganMs`, in milliseconds of performance.now(). */
  begin(beganMs: number): void {
    this.#beganMs = beganMs;
  }

  get first(): DuePacket | undefined {
    return this.#due[0];
  }

  /** Whether the voice has ended. Throws the file's error. */
  get isOver(): boolean {
    return this.#due.length === 0 && this.#source.isOver;
  }

  /** Resolves when the source may have more packets; undefined if there is nothing to wait for. */
  more(): Promise<void> | undefined {
    return this.#due.length < AHEAD_PACKETS && this.#source.isReading ? this.#source.more() : undefined;
  }

  /** Decodes the source's packets, as far ahead as needed. */
  fill(): void {
    while (this.#due.length < AHEAD_PACKETS) {
      const next = this.#source.first;
      if (next === undefined) break;
      this.#source.shift();
      this.#hear(next);
    }
    if (this.#due.length === 0 && this.#file.isLive) this.#emptySinceMs ??= performance.now();
  }

  shift(): void {
    this.#due.shift();
  }

  close(): void {
    this.#source.close();
  }

  #hear({ packet, position, samples }: PlacedPacket): void {
    this.#followLateness(position + samples);
    let heard: Heard;
    try {
      heard = this.#decode(packet);
    } catch (error) {
      if (!(error instanceof HayateError)) throw error;
      // Viewers' decoders would refuse the packet too, so its time stays silent.
      this.#file.refused();
      return;
    }
    const placed = position + this.#shift;
    this.#voice.hear(heard.samples, placed / 48);
    this.#due.push({ packet, position: placed, level: heard.level, dueMs: (placed + samples) / 48 });
  }

  #followLateness(end: number): void {
    if (this.#emptySinceMs === undefined) return;
    const nowMs = performance.now();
    // A process that was itself delayed catches up, so only the time that the source took counts.
    const lateMs = Math.min(nowMs - this.#beganMs - (end + this.#shift) / 48, nowMs - this.#emptySinceMs);
    this.#emptySinceMs = undefined;
    if (lateMs > LATE_MS) this.#shift += Math.ceil((lateMs * 48) / STEP_SAMPLES) * STEP_SAMPLES;
  }
}
