// The archiver's memory of an epoch from cut to cut: its archived sequences, its latest HEADER, and
// the position of each voice. It is read from a manifest and written to the next one; no other
// state outlives a cut.
import { epochFromText, epochText, RangeSet, type StreamHeader } from '@hayate/protocol';
import type { EpochState, HeaderState, TrackState } from '../../archive/layout/manifest.ts';
import { safeNumber } from '../../archive/row/safe-number.ts';

/** The current position of one participant's voice. */
export interface Track {
  readonly participant: number;
  /** End of the last packet written, 48 kHz samples. */
  position: number;
  /** The last packets written. */
  preroll: Uint8Array[];
}

/** One epoch of one stream. */
export class EpochMemory {
  readonly stream: string;
  readonly epoch: bigint;
  readonly seen = new RangeSet();
  readonly dropped = new RangeSet();
  /** By participant. */
  readonly tracks = new Map<number, Track>();
  header: HeaderState | undefined;
  /** Start of the window of its last batch, Unix milliseconds. */
  windowStartMs = 0;
  ended = false;

  constructor(stream: string, epoch: bigint) {
    this.stream = stream;
    this.epoch = epoch;
  }

  /** Reads the state from a manifest. */
  static fromState(state: EpochState): EpochMemory {
    const memory = new EpochMemory(state.stream, epochFromText(state.epoch) ?? 0n);
    for (const [first, last] of state.seen) memory.seen.add(first, last);
    for (const [first, last] of state.dropped) memory.dropped.add(first, last);
    for (const { participant, position, preroll } of state.tracks)
      memory.tracks.set(participant, {
        participant,
        position,
        preroll: preroll.map((packet) => new Uint8Array(Buffer.from(packet, 'base64'))),
      });
    memory.header = state.header;
    memory.windowStartMs = state.windowStartMs;
    memory.ended = state.ended;
    return memory;
  }

  /**
   * Makes the state for a manifest. An epoch that has ended no longer needs its title and pre-roll;
   * leaving them out saves erasing them.
   */
  toState(): EpochState {
    const tracks = [...this.tracks.values()]
      .sort((a, b) => a.participant - b.participant)
      .map(
        ({ participant, position, preroll }): TrackState => ({
          participant,
          position,
          preroll: this.ended ? [] : preroll.map((packet) => Buffer.from(packet).toString('base64')),
        }),
      );
    return {
      stream: this.stream,
      epoch: epochText(this.epoch),
      windowStartMs: this.windowStartMs,
      ended: this.ended,
      seen: this.seen.ranges.map(({ first, last }) => [first, last]),
      dropped: this.dropped.ranges.map(({ first, last }) => [first, last]),
      ...(this.header === undefined ? {} : { header: { ...this.header, title: this.ended ? '' : this.header.title } }),
      tracks,
    };
  }

  /** The sequence after the highest one seen. */
  get nextSequence(): number {
    return (this.seen.highest?.last ?? -1) + 1;
  }

  /** Returns a participant's track. */
  track(participant: number): Track {
    let track = this.tracks.get(participant);
    if (track === undefined) {
      track = { participant, position: 0, preroll: [] };
      this.tracks.set(participant, track);
    }
    return track;
  }

  /** Adds a range declared dropped. Returns how many of its sequences were not declared before. */
  addDropped(first: number, last: number): number {
    if (last < first) return 0;
    let known = 0;
    for (const range of this.dropped.ranges)
      if (range.first <= last && range.last >= first) known += Math.min(range.last, last) - Math.max(range.first, first) + 1;
    this.dropped.add(first, last);
    return last - first + 1 - known;
  }

  /** Takes a HEADER frame's payload. The HEADER with the highest sequence is in force. */
  addHeader(sequence: number, header: StreamHeader): void {
    if (this.header !== undefined && this.header.sequence > sequence) return;
    const { audio } = header;
    this.header = {
      sequence,
      title: header.title,
      channels: audio?.channels === 2 ? 2 : 1,
      preSkip: Math.min(audio?.preSkip ?? 0, 0xffff),
      inputSampleRate: audio?.inputSampleRate ?? 0,
      originUnixUs: safeNumber(header.originUnixUs),
      originErrorUs: header.originErrorUs,
    };
  }

  /** The order of epochs in manifests and of their objects. */
  static compare(a: EpochMemory, b: EpochMemory): number {
    if (a.stream !== b.stream) return a.stream < b.stream ? -1 : 1;
    return a.epoch < b.epoch ? -1 : a.epoch > b.epoch ? 1 : 0;
  }
}
