// The line (local time to media time) that voice and motion of one stream share for playout. Voice
// sets it while there is voice, otherwise motion does. Media time is capture time in milliseconds
// of the epoch.
import { ArrivalJitter, type JitterOptions } from './arrival-jitter.ts';

/** After this much silence, motion sets the line. */
const VOICE_ABSENT_MS = 2_000;
/** Frames that arrive within this time after a (re)connect are a burst. */
const SETTLE_MS = 500;

/** The line that playout follows. */
export class MediaLine {
  readonly #voice: ArrivalJitter;
  readonly #motion: ArrivalJitter;
  #settledMs = Number.NEGATIVE_INFINITY;
  #hasVoice = false;
  #hasMotion = false;

  constructor(options: JitterOptions = {}) {
    this.#voice = new ArrivalJitter(options);
    this.#motion = new ArrivalJitter(options);
  }

  /**
   * Takes a connection's start at `nowMs`; its first frames are a burst. With `isNewEpoch`,
   * media time restarts too.
   */
  begin(nowMs: number, isNewEpoch: boolean): void {
    this.#settledMs = nowMs + SETTLE_MS;
    if (!isNewEpoch) return;
    this.#voice.reset();
    this.#motion.reset();
    this.#hasVoice = false;
    this.#hasMotion = false;
  }

  voice(nowMs: number, mediaMs: number): void {
    this.#hasVoice = true;
    this.#voice.add(nowMs, mediaMs, nowMs < this.#settledMs);
  }

  motion(nowMs: number, mediaMs: number): void {
    this.#hasMotion = true;
    this.#motion.add(nowMs, mediaMs, nowMs < this.#settledMs);
  }

  /** The media time to hear and see at `nowMs`; undefined before anything arrived. */
  at(nowMs: number): number | undefined {
    const jitter = this.#leading(nowMs);
    return jitter?.baseMs === undefined ? undefined : nowMs - jitter.baseMs - jitter.targetMs(nowMs);
  }

  /** The delay on top of the smallest one, milliseconds. */
  targetMs(nowMs: number): number {
    return this.#leading(nowMs)?.targetMs(nowMs) ?? 0;
  }

  #leading(nowMs: number): ArrivalJitter | undefined {
    if (this.#hasVoice && (!this.#hasMotion || nowMs - this.#voice.heardMs <= VOICE_ABSENT_MS)) return this.#voice;
    return this.#hasMotion ? this.#motion : undefined;
  }
}
