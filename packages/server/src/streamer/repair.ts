// Publishes again what listeners missed. In: ranges that they ask for. Out: the frames of these that are still kept, each at
// most once in 20 ms however many ask, since all listeners of the stream hear the answer.
import { type NumberRange, RangeSet } from '@hayate/protocol';
import type { CancelTimer, Clock } from '../kernel/clock.ts';
import type { LiveEntry } from '../live/live-entry.ts';
import type { RecentFrames } from '../live/recent-frames.ts';

const INTERVAL_MS = 20;

/** The repair of one epoch. */
export class Repair {
  readonly #clock: Clock;
  readonly #recent: RecentFrames<LiveEntry>;
  readonly #publish: (entries: readonly LiveEntry[]) => void;
  /** Published again within the interval. */
  readonly #answered = new RangeSet();
  #cancelTimer: CancelTimer | undefined;

  constructor(options: { clock: Clock; recent: RecentFrames<LiveEntry>; publish: (entries: readonly LiveEntry[]) => void }) {
    this.#clock = options.clock;
    this.#recent = options.recent;
    this.#publish = options.publish;
  }

  /** Publishes what is kept of `ranges` and was not published again just now. Returns the number of frames. */
  answer(ranges: readonly NumberRange[]): number {
    const due = ranges.flatMap((range) => this.#recent.within(range)).filter(({ header }) => this.#answered.add(header.sequence));
    if (due.length === 0) return 0;
    this.#cancelTimer ??= this.#clock.after(INTERVAL_MS, () => {
      this.#cancelTimer = undefined;
      this.#answered.clear();
    });
    this.#publish(due);
    return due.length;
  }

  close(): void {
    this.#cancelTimer?.();
  }
}
