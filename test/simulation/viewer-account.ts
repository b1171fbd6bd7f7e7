// The frames that one viewer got of one epoch, checked against spec/wire.md. From
// Watching.next_sequence on, every frame arrives once, in ascending order, or a Gap names it no
// later than the next frame. Every breach is reported at once.
import { GapReason, RangeSet } from '@hayate/protocol';

/** Why frames are missing, according to the server. */
type GapName = 'lost' | 'slow' | 'expired';

const NAMES: Readonly<Record<number, GapName>> = { [GapReason.LOST]: 'lost', [GapReason.SLOW]: 'slow', [GapReason.EXPIRED]: 'expired' };

/** The account of one connection. */
interface Segment {
  /** From this sequence on, everything is accounted for on this connection. */
  readonly floor: number;
  /** All sequences before it, from the floor on, arrived or were named. */
  cursor: number;
  readonly named: RangeSet;
  /** Frames from before the floor. */
  readonly group: Set<number>;
  /** Sequences below the floor that a returning viewer lacks: a gap must name them. */
  readonly owed: RangeSet;
}

/** The account of one epoch, over all connections of one viewer. */
export class ViewerAccount {
  readonly joined: number;
  readonly came = new RangeSet();
  readonly missing: Readonly<Record<GapName, RangeSet>> = { lost: new RangeSet(), slow: new RangeSet(), expired: new RangeSet() };
  /** The sequence after the last frame, once the server has sent it. */
  endsAt: number | undefined;
  readonly #breach: (what: string) => void;
  #segment: Segment;

  constructor(joined: number, breach: (what: string) => void) {
    this.joined = joined;
    this.#breach = breach;
    this.#segment = segmentFrom(joined);
  }

  /** The sequence after the newest that arrived or was named. */
  get next(): number {
    return Math.max(this.#segment.cursor, this.#segment.named.nextMissing(this.#segment.cursor));
  }

  /** The newest sequence that arrived; -1 before the first. */
  get newest(): number {
    return this.came.ranges.at(-1)?.last ?? -1;
  }

  /** A Watching of this epoch; `asked`: where the viewer wanted to continue. */
  watching(nextSequence: number, asked: number | undefined): void {
    this.#segment = segmentFrom(nextSequence);
    if (asked !== undefined && asked < nextSequence) this.#segment.owed.add(asked, nextSequence - 1);
    this.endsAt = undefined;
  }

  frame(sequence: number): void {
    const segment = this.#segment;
    if (sequence < segment.floor) {
      if (segment.group.has(sequence)) this.#breach(`frame ${sequence} of the group arrived twice`);
      segment.group.add(sequence);
      return;
    }
    if (segment.owed.size > 0) this.#breach(`frame ${sequence} arrived before a gap named ${text(segment.owed)}`);
    if (sequence < segment.cursor) this.#breach(`frame ${sequence} arrived after ${segment.cursor - 1}`);
    if (segment.named.has(sequence)) this.#breach(`frame ${sequence} arrived although a gap had named it`);
    const covered = segment.named.nextMissing(segment.cursor);
    if (segment.cursor < sequence && covered < sequence) this.#breach(`frame ${sequence} arrived without a gap for ${covered}`);
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
      else if (sequence < segment.cursor) this.#breach(`a gap named ${sequence}, which had arrived (${name})`);
      segment.named.add(sequence);
      this.missing[name].add(sequence);
    }
  }

  ended(nextSequence: number): void {
    if (this.endsAt !== undefined) this.#breach('Ended arrived twice');
    this.endsAt = nextSequence;
  }

  /**
   * After everything has arrived: the sequences that are not accounted for. A sequence named as
   * `expired` that arrived on another connection counts as arrived.
   */
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
