// Publishes frames again that listeners missed. In: the requested ranges. Out: those of their
// frames that are still kept. Each is repeated at most once in 20 ms, however many listeners ask,
// since all listeners of the stream receive the answer. A repeated request means that the listener
// could not receive the first answer on its shards, so the second goes to all shards.
import type { NumberRange } from '@hayate/protocol';
import type { Clock } from '../kernel/clock.ts';
import type { LiveEntry } from '../live/live-entry.ts';
import type { RecentFrames } from '../live/recent-frames.ts';

const INTERVAL_MS = 20;
/** How long an answer is remembered. Listeners give up a gap before that. */
const AGAIN_MS = 250;

interface RepairOptions {
  clock: Clock;
  recent: RecentFrames<LiveEntry>;
  /** `isAgain`: some of the entries were already published again shortly before. */
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

  /**
   * Publishes the kept frames of `ranges` that were not published again just now. Returns their
   * number.
   */
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
