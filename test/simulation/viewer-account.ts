// What one viewer was given of one epoch, held against what spec/wire.md promises: from Watching.next_sequence on every frame comes
// once, in ascending order, or a Gap that comes no later than the next frame names it. Every breach is told at once.
import { GapReason, RangeSet } from '@hayate/protocol';

/** Why frames are missing, as the server said. */
export type GapName = 'lost' | 'slow' | 'expired';

const NAMES: Readonly<Record<number, GapName>> = { [GapReason.LOST]: 'lost', [GapReason.SLOW]: 'slow', [GapReason.EXPIRED]: 'expired' };

/** What a connection was told of the epoch. */
interface Segment {
  /** From here on all is accounted for on this connection. */
  readonly floor: number;
  /** All before, from the floor on, came or was named. */
  cursor: number;
  readonly named: RangeSet;
  /** Frames from before the floor. */
  readonly group: Set<number>;
  /** What a returning viewer lacks below the floor: a gap must name it. */
  readonly owed: RangeSet;
}

/** The account of one epoch, over all connections of one viewer. */
export class ViewerAccount {
  readonly joined: number;
  readonly came = new RangeSet();
  readonly missing: Readonly<Record<GapName, RangeSet>> = { lost: new RangeSet(), slow: new RangeSet(), expired: new RangeSet() };
  /** The sequence after the last frame, when the server has said it. */
  endsAt: number | undefined;
  readonly #breach: (what: string) => void;
  #segment: Segment;

  constructor(joined: number, breach: (what: string) => void) {
    this.joined = joined;
    this.#breach = breach;
    this.#segment = segmentFrom(joined);
  }

  /** The sequence after the newest that came or was named. */
  get next(): number {
    return Math.max(this.#segment.cursor, this.#segment.named.nextMissing(this.#segment.cursor));
  }

  /** The newest sequence that came; -1 before the first. */
  get newest(): number {
    return this.came.ranges.at(-1)?.last ?? -1;
  }

  /** A Watching of this epoch; `asked`: where the viewer wanted to go on. */
  watching(nextSequence: number, asked: number | undefined): void {
    this.#segment = segmentFrom(nextSequence);
    if (asked !== undefined && asked < nextSequence) this.#segment.owed.add(asked, nextSequence - 1);
    this.endsAt = undefined;
  }

  frame(sequence: number): void {
    const segment = this.#segment;
    if (sequence < segment.floor) {
      if (segment.group.has(sequence)) this.#breach(`frame ${sequence} of the group came twice`);
      segment.group.add(sequence);
      return;
    }
    if (segment.owed.size > 0) this.#breach(`frame ${sequence} came before a gap named ${text(segment.owed)}`);
    if (sequence < segment.cursor) this.#breach(`frame ${sequence} came after ${segment.cursor - 1}`);
    if (segment.named.has(sequence)) this.#breach(`frame ${sequence} came although a gap had named it`);
    const covered = segment.named.nextMissing(segment.cursor);
    if (segment.cursor < sequence && covered < sequence) this.#breach(`frame ${sequence} came, and nothing was said of ${covered}`);
    segment.cursor = Math.max(segment.cursor, sequence + 1);
    this.came.add(sequence);
  }

  gap(first: number, last: number, reason: number): void {
    const segment = this.#segment;
    const name = NAMES[reason] ?? 'lost';
    for (let sequence = first; sequence <= last; sequence++) {
      if (sequence < segment.floor) {
        if (segment.owed.remove(sequence, sequence) > 0 && !this.came.has(sequence)) this.missing[name].add(sequence);
        continue;
      }
      if (segment.named.has(sequence)) this.#breach(`a gap named ${sequence} a second time (${name})`);
      else if (sequence < segment.cursor) this.#breach(`a gap named ${sequence}, which had come (${name})`);
      segment.named.add(sequence);
      this.missing[name].add(sequence);
    }
  }

  ended(nextSequence: number): void {
    if (this.endsAt !== undefined) this.#breach('the end was told twice');
    this.endsAt = nextSequence;
  }

  /** After all has arrived: sequences of which the viewer knows nothing. `expired` and came on another connection counts as came. */
  unexplained(): RangeSet {
    const unknown = new RangeSet();
    unknown.add(this.joined, Math.max(this.joined, this.endsAt ?? this.next) - 1);
    for (const set of [this.came, ...Object.values(this.missing)]) for (const { first, last } of set.ranges) unknown.remove(first, last);
    return unknown;
  }
}

function segmentFrom(floor: number): Segment {
  return { floor, cursor: floor, named: new RangeSet(), group: new Set(), owed: new RangeSet() };
}

/** `3-5, 9`. */
export function text(set: RangeSet): string {
  return set.ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(', ');
}
