// One broadcast: microphone and puppet in, frames out. Emits `change` when shown data changes.
// Numbers that always move are in `readout`, which the page reads in its own tick. Use it once.
import { Broadcaster, ClientError, Emitter, type Pose } from '@hayate/client';
import { MicrophoneCapture } from '@hayate/client/browser';
import { epochText } from '@hayate/protocol';
import { server, token } from '../api/server.ts';
import { type Puppet, puppetDelayMs } from './puppet.ts';

/** 'starting': asks for the microphone, then the server. 'over': ended or failed; see `problem`. */
type StudioPhase = 'starting' | 'live' | 'reconnecting' | 'ending' | 'over';

interface StudioEvents {
  change: undefined;
  /** A pose as it was passed to the broadcaster. */
  motion: { captureUs: number; pose: Pose };
}

interface StudioReadout {
  bitsPerSecond: number;
  roundTripMs: number | undefined;
  /** Frames that were never sent or declared dropped. */
  dropped: number;
  viewers: number;
  liveMs: number;
  /** Frames so far, and how many of them the server has on disk. */
  frames: number;
  stored: number;
}

const motionRate = 30;

interface StudioSessionOptions {
  stream: string;
  title: string;
  puppet: Puppet;
  /**
   * Whether the browser cancels echoes, suppresses noise and evens loudness; not for music or a
   * mixer's output.
   */
  processing: boolean;
}

/** Broadcasts until end(). */
export class StudioSession extends Emitter<StudioEvents> {
  readonly stream: string;
  readonly microphone: MicrophoneCapture;
  readonly broadcaster: Broadcaster;
  readonly #puppet: Puppet;
  readonly #token: () => Promise<string>;
  #timer: ReturnType<typeof setInterval> | undefined;
  #nextMotionMs = 0;
  #level = 127;
  #liveSinceMs: number | undefined;
  #endedMs: number | undefined;
  #isEnding = false;
  #problem: string | undefined;

  /** Throws ClientError INVALID for an invalid name or title. */
  constructor({ stream, title, puppet, processing }: StudioSessionOptions) {
    super();
    this.stream = stream;
    this.microphone = new MicrophoneCapture({ echoCancellation: processing, noiseSuppression: processing, autoGainControl: processing });
    this.#puppet = puppet;
    this.#token = () => token({ publish: [stream], watch: [stream] });
    this.broadcaster = new Broadcaster({ server, stream, title, motionRate, audio: MicrophoneCapture.format, token: this.#token });
    this.microphone.on('pcm', ({ samples, captureMs, level }) => {
      this.#level = level;
      puppet.voice.hear(samples, captureMs);
      // Timers are slow in background pages; audio callbacks are not.
      this.#move();
    });
    this.microphone.on('packet', ({ captureMs, ...packet }) => {
      const captureUs = this.broadcaster.captureUsAt(captureMs);
      // Sound from before the broadcast began is not part of it.
      if (this.#liveSinceMs !== undefined && captureUs >= 0) this.broadcaster.sendAudio({ ...packet, captureUs });
    });
    this.microphone.on('error', ({ message }) => {
      this.#problem = `${message} The broadcast continues without your voice: end it and go live again to be heard.`;
      this.#changed();
    });
    this.broadcaster.on('audience', () => this.#changed());
    this.broadcaster.on('epoch', () => this.#changed());
    this.broadcaster.on('state', ({ state, reason, closeCodeName }) => {
      if (state === 'failed')
        this.#stop(
          closeCodeName === 'SUPERSEDED' ? 'Someone went live with this stream name elsewhere, so this broadcast has ended.' : reason,
        );
      else if (state === 'ended') this.#stop(this.#isEnding ? undefined : reason);
      else this.#problem = state === 'reconnecting' ? reason : undefined;
      this.#changed();
    });
  }

  /** Asks for the microphone, then goes live. Rejects with an error whose message is for people. */
  async start(): Promise<void> {
    try {
      // A refused token must not lead to a microphone prompt or a long retry, so it is requested
      // first.
      await this.#token();
      await this.microphone.start();
      await this.broadcaster.start();
    } catch (error) {
      this.#stop(sentenceOf(error));
      this.#changed();
      throw error;
    }
    this.#liveSinceMs = performance.now();
    this.#timer = setInterval(() => this.#move(), 1000 / motionRate);
    this.#changed();
  }

  get phase(): StudioPhase {
    if (this.#endedMs !== undefined) return 'over';
    if (this.#isEnding) return 'ending';
    if (this.#liveSinceMs === undefined) return 'starting';
    return this.broadcaster.state === 'reconnecting' ? 'reconnecting' : 'live';
  }

  /** One sentence about the past or present problem. */
  get problem(): string | undefined {
    return this.#problem;
  }

  get muted(): boolean {
    return this.microphone.muted;
  }

  set muted(muted: boolean) {
    this.microphone.muted = muted;
    this.#changed();
  }

  get title(): string {
    return this.broadcaster.description.title;
  }

  /** Throws ClientError INVALID for a title that is too long. */
  set title(title: string) {
    this.broadcaster.setTitle(title);
    this.#changed();
  }

  /** The loudness of the voice now, 0 to 1 over the upper 60 dB. */
  get loudness(): number {
    return this.#endedMs === undefined ? Math.max(0, 1 - this.#level / 60) : 0;
  }

  /** 16 hex digits; empty before the first. */
  get epoch(): string {
    return this.broadcaster.epoch === undefined ? '' : epochText(this.broadcaster.epoch);
  }

  get readout(): StudioReadout {
    const { bitsPerSecond, roundTripMs, dropped, viewers, nextSequence, acknowledgedNextSequence } = this.broadcaster.stats;
    const untilMs = this.#endedMs ?? performance.now();
    return {
      bitsPerSecond,
      roundTripMs,
      dropped: dropped.header + dropped.audio + dropped.motion + dropped.event + this.microphone.stats.dropped,
      viewers,
      liveMs: this.#liveSinceMs === undefined ? 0 : untilMs - this.#liveSinceMs,
      frames: nextSequence,
      stored: acknowledgedNextSequence,
    };
  }

  /** Ends the broadcast; the phase is `over` once the server has stored all of it. */
  async end(): Promise<void> {
    if (this.#isEnding || this.#endedMs !== undefined) return;
    this.#isEnding = true;
    this.microphone.stop();
    clearInterval(this.#timer);
    this.#changed();
    try {
      await this.broadcaster.end();
      this.#stop(undefined);
    } catch (error) {
      this.#stop(sentenceOf(error));
    }
    this.#changed();
  }

  /** Sends the puppet's pose when the next one is due. */
  #move(): void {
    const nowMs = performance.now();
    if (this.#liveSinceMs === undefined || this.#endedMs !== undefined || this.#isEnding || nowMs < this.#nextMotionMs) return;
    // Evenly spaced on average; after a pause it restarts instead of catching up.
    this.#nextMotionMs = Math.max(this.#nextMotionMs + 1000 / motionRate, nowMs - 1000 / motionRate);
    const timeMs = nowMs - puppetDelayMs;
    const captureUs = this.broadcaster.captureUsAt(timeMs);
    if (captureUs < 0) return;
    const pose = this.#puppet.poseAt(timeMs);
    if (this.broadcaster.sendMotion(pose, { captureUs }) !== undefined) this.emit('motion', { captureUs, pose });
  }

  #stop(problem: string | undefined): void {
    if (this.#endedMs !== undefined) return;
    this.#endedMs = performance.now();
    this.#problem = problem;
    clearInterval(this.#timer);
    this.microphone.stop();
    this.broadcaster.close();
  }

  #changed(): void {
    this.emit('change', undefined);
  }
}

function sentenceOf(error: unknown): string {
  if (error instanceof ClientError && error.closeCode === 'SUPERSEDED') return 'Someone is live with this stream name elsewhere.';
  return error instanceof Error ? error.message : String(error);
}
