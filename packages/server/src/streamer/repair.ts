// Publishes again what listeners missed. In: ranges that they ask for. Out: the frames of these that are still kept, each at
// most once in 20 ms however many ask, since all listeners of the stream hear the answer. Who asks again could not hear it where
// it was published, and is answered everywhere.
import type { NumberRange } from '@hayate/protocol';
import type { Clock } from '../kernel/clock.ts';
import type { LiveEntry } from '../live/live-entry.ts';
import type { RecentFrames } from '../live/recent-frames.ts';

const INTERVAL_MS = 20;
/** For so long an answer is remembered; a gap is given up before. */
const AGAIN_MS = 250;

export interface RepairOptions {
  clock: Clock;
  recent: RecentFrames<LiveEntry>;
  /** `isAgain`: some of the entries have been published again a short while ago. */
  publish: (entries: readonly LiveEntry[], isAgain: boolean) => void;
}

/** The repair of one epoch. */
export class Repair {
  readonly #options: RepairOptions;
  /** When each sequence was published again, oldest first. */
  readonly #answeredMs = new Map<number, number>();

  constructor(options: RepairOptions) {
    this.#options = options;
  }

  /** Publishes what is kept of `ranges` and was not published again just now. Returns the number of frames. */
  answer(ranges: readonly NumberRange[]): number {
    const { clock, recent, publish } = this.#options;
    const nowMs = clock.nowMs();
    this.#forget(nowMs - AGAIN_MS);
    let isAgain = false;
    const due = ranges
      .flatMap((range) => recent.within(range))
      .filter(({ header: { sequence } }) => {
        const answeredMs = this.#answeredMs.get(sequence);
        if (answeredMs !== undefined && nowMs - answeredMs < INTERVAL_MS) return false;
        isAgain ||= answeredMs !== undefined;
        this.#answeredMs.delete(sequence);
        this.#answeredMs.set(sequence, nowMs);
        return true;
      });
    if (due.length > 0) publish(due, isAgain);
    return due.length;
  }

  #forget(beforeMs: number): void {
    for (const [sequence, answeredMs] of this.#answeredMs) {
      if (answeredMs > beforeMs) return;
      this.#answeredMs.delete(sequence);
    }
  }
}
