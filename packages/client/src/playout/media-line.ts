// Where playout should be: a line through (local time, media time) that voice and motion of one stream share. Voice decides
// it while there is voice, else motion. Media time is capture time in milliseconds of the epoch.
import { ArrivalJitter, type JitterOptions } from './arrival-jitter.ts';

/** Voice silent for so long leaves the line to motion. */
const VOICE_ABSENT_MS = 2_000;
/** What arrives so soon after (re)connecting is a burst. */
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

  /** A connection or an epoch begins at `nowMs`: what comes first comes in a burst. `anew`: media time begins again. */
  begin(nowMs: number, anew: boolean): void {
    this.#settledMs = nowMs + SETTLE_MS;
    if (!anew) return;
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

  /** The media time to be heard and seen at `nowMs`; undefined before anything arrived. */
  at(nowMs: number): number | undefined {
    const jitter = this.#leading(nowMs);
    return jitter?.baseMs === undefined ? undefined : nowMs - jitter.baseMs - jitter.targetMs(nowMs);
  }

  /** The delay on top of the quickest way, milliseconds. */
  targetMs(nowMs: number): number {
    return this.#leading(nowMs)?.targetMs(nowMs) ?? 0;
  }

  #leading(nowMs: number): ArrivalJitter | undefined {
    if (this.#hasVoice && (!this.#hasMotion || nowMs - this.#voice.heardMs <= VOICE_ABSENT_MS)) return this.#voice;
    return this.#hasMotion ? this.#motion : undefined;
  }
}
