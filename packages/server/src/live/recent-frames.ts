// The last seconds of an epoch, in order. A streamer publishes frames from here again; a listener
// replays them to viewers who return. Bounded by time, number and bytes; the oldest frames are
// forgotten first. Invariant: from `reachesFrom` on, it holds every frame that its owner has seen.
import { isDroppable, type NumberRange } from '@hayate/protocol';
import type { LiveEntry } from './live-entry.ts';

/** How much of a stream is kept. */
export const RECENT_MS = 2_000;
export const RECENT_EVENTS_MAX = 256;

/** Maximum number of frames kept, whatever a broadcaster sends. */
const RECENT_FRAMES_MAX = 4_096;
const RECENT_BYTES_MAX = 2 ** 20;

/** Frames of one epoch, the newest 2 s and up to 256 events. */
export class RecentFrames<Entry extends LiveEntry> {
  readonly #frames: Entry[] = [];
  #events = 0;
  #bytes = 0;
  #reachesFrom: number;

  /** `reachesFrom`: the sequence of the next frame. No frame before it should be here. */
  constructor(reachesFrom: number) {
    this.#reachesFrom = reachesFrom;
  }

  /** Every frame seen from this sequence on is here. */
  get reachesFrom(): number {
    return this.#reachesFrom;
  }

  /** All frames, in ascending order. */
  get frames(): readonly Entry[] {
    return this.#frames;
  }

  /** Takes the next frame. */
  push(entry: Entry): void {
    this.#frames.push(entry);
    this.#bytes += entry.frame.length;
    if (!isDroppable(entry.header.kind)) this.#events++;
    for (let oldest = this.#frames[0]; oldest !== undefined && this.#exceeds(oldest, entry); oldest = this.#frames[0]) {
      this.#frames.shift();
      this.#bytes -= oldest.frame.length;
      if (!isDroppable(oldest.header.kind)) this.#events--;
      this.#reachesFrom = oldest.header.sequence + 1;
    }
  }

  /** The frames from `sequence` on; undefined if some of them are forgotten. */
  since(sequence: number): readonly Entry[] | undefined {
    return sequence < this.#reachesFrom ? undefined : this.#frames.slice(this.#indexOf(sequence));
  }

  /** The frames of a range that are here. */
  within({ first, last }: Readonly<NumberRange>): readonly Entry[] {
    return this.#frames.slice(this.#indexOf(first), this.#indexOf(last + 1));
  }

  /** The index of the first frame at or after `sequence`. */
  #indexOf(sequence: number): number {
    let low = 0;
    let high = this.#frames.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#frames[middle]?.header.sequence ?? sequence) < sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #exceeds(oldest: Entry, newest: Entry): boolean {
    return (
      newest.receivedUnixUs - oldest.receivedUnixUs > RECENT_MS * 1_000 ||
      this.#frames.length > RECENT_FRAMES_MAX ||
      this.#bytes > RECENT_BYTES_MAX ||
      this.#events > RECENT_EVENTS_MAX
    );
  }
}
