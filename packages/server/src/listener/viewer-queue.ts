// The frames that a viewer who is behind has not been given yet. A viewer reports what it received;
// at most one window beyond that is written to its socket, and only while the socket has nothing
// pending. The rest waits here by class: audio until its deadline, the newest key and delta of each
// motion track, events without loss. Invariant: every frame pushed is sent, dropped (counted by
// reason) or waiting.
import { hasKeys, isDroppable, isKey, Kind, type NumberRange, RangeSet } from '@hayate/protocol';
import { trackOf } from '../live/current-group.ts';
import type { LiveEntry } from '../live/live-entry.ts';

/** Why a viewer did not get a frame. */
export type DropReason = 'audio_deadline' | 'motion_replaced' | 'key_missing' | 'closed';

/** A frame in the queue: `message` is the encoded ServerMessage, shared by all viewers. */
export interface QueuedFrame extends LiveEntry {
  readonly message: Uint8Array;
}

/** Bounds of one viewer's queue. */
export interface ViewerQueueLimits {
  /** Bytes that may be written beyond the last receipt. */
  windowBytes: number;
  /** Stream time that may be written instead, if that is more. */
  windowMs: number;
  /** How long audio waits. */
  audioDeadlineMs: number;
  /**
   * Maximum number of waiting frames that may not be dropped. With more, the viewer is closed with
   * TOO_SLOW.
   */
  eventsMax: number;
  /**
   * How long a viewer may report nothing while frames are on their way to it; then RECEIPT_TIMEOUT.
   */
  receiptTimeoutMs: number;
}

interface ViewerQueueOptions {
  limits: ViewerQueueLimits;
  /** Whether the socket has taken everything. */
  ready: () => boolean;
  /** Writes frames in order, with the ranges dropped since the last call. */
  send: (frames: readonly QueuedFrame[], dropped: readonly Readonly<NumberRange>[]) => void;
  /** Counts a drop. */
  onDrop: (reason: DropReason, frames: number) => void;
}

interface Unreceipted {
  readonly sequence: number;
  readonly bytes: number;
  readonly receivedUnixUs: number;
}

/** What the viewer was given before it had a queue. */
interface ViewerQueueSeed {
  /** Frames on their way, in ascending order. */
  out: readonly Unreceipted[];
  /** Keys the viewer has, by track. */
  keys: ReadonlyMap<number, number>;
  /** When it last reported, or was given the first of `out`. */
  heardMs: number;
}

interface Waiting {
  frame: QueuedFrame;
  sinceMs: number;
}

/** The queue of one viewer in one epoch. Times are monotonic milliseconds. */
export class ViewerQueue {
  readonly #options: ViewerQueueOptions;
  #waiting: Waiting[] = [];
  readonly #out: Unreceipted[];
  #outBytes: number;
  #heardMs: number;
  /** Keys the viewer was given, by track. It cannot use a delta over any other key. */
  readonly #keysSent: Map<number, number>;
  readonly #dropped = new RangeSet();

  constructor(options: ViewerQueueOptions, { out, keys, heardMs }: ViewerQueueSeed) {
    this.#options = options;
    this.#out = [...out];
    this.#outBytes = out.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#keysSent = new Map(keys);
    this.#heardMs = heardMs;
  }

  /** Number of waiting frames. */
  get length(): number {
    return this.#waiting.length;
  }

  /** Takes frames in order. 'too_slow': too many events are waiting. */
  push(frames: readonly QueuedFrame[], nowMs: number): 'ok' | 'too_slow' {
    for (const frame of frames) this.#waiting.push({ frame, sinceMs: nowMs });
    this.drain(nowMs);
    this.#dropReplaced();
    const { eventsMax } = this.#options.limits;
    if (this.#waiting.length <= eventsMax) return 'ok';
    return this.#waiting.filter(({ frame }) => !isDroppable(frame.header.kind)).length > eventsMax ? 'too_slow' : 'ok';
  }

  /** The viewer has received everything up to `sequence`. */
  receipt(sequence: number, nowMs: number): void {
    this.#heardMs = nowMs;
    let count = 0;
    for (const { sequence: sent, bytes } of this.#out) {
      if (sent > sequence) break;
      this.#outBytes -= bytes;
      count++;
    }
    this.#out.splice(0, count);
    this.drain(nowMs);
  }

  /** How long the viewer has been silent with frames on their way to it; 0 if there are none. */
  unreportedMs(nowMs: number): number {
    return this.#out.length > 0 ? nowMs - this.#heardMs : 0;
  }

  /**
   * Writes the frames that the window admits, if the socket can take them. Drops audio past its
   * deadline.
   */
  drain(nowMs: number): void {
    if (this.#waiting.length === 0) return;
    this.#expireAudio(nowMs);
    if (!this.#options.ready()) return;
    if (this.#out.length === 0) this.#heardMs = nowMs;
    const due: QueuedFrame[] = [];
    let taken = 0;
    for (const { frame } of this.#waiting) {
      if (!this.#admits(frame)) break;
      taken++;
      if (!this.#drawable(frame)) {
        this.#drop('key_missing', [frame]);
        continue;
      }
      due.push(frame);
      this.#out.push({ sequence: frame.header.sequence, bytes: frame.message.length, receivedUnixUs: frame.receivedUnixUs });
      this.#outBytes += frame.message.length;
    }
    this.#waiting.splice(0, taken);
    if (due.length > 0) {
      this.#options.send(due, this.takeDropped());
    }
  }

  /**
   * The ranges dropped but not yet reported to the viewer with later frames. They count as reported
   * from now on.
   */
  takeDropped(): readonly Readonly<NumberRange>[] {
    const { ranges } = this.#dropped;
    this.#dropped.clear();
    return ranges;
  }

  /** The viewer or its epoch is gone: waiting frames are counted as dropped. */
  close(): void {
    this.#drop(
      'closed',
      this.#waiting.map(({ frame }) => frame),
    );
    this.#waiting = [];
  }

  #admits(frame: QueuedFrame): boolean {
    const { windowBytes, windowMs } = this.#options.limits;
    const oldest = this.#out[0];
    return (
      oldest === undefined ||
      this.#outBytes + frame.message.length <= windowBytes ||
      frame.receivedUnixUs - oldest.receivedUnixUs <= windowMs * 1_000
    );
  }

  /** Whether the viewer was given the key that this frame needs. Records keys. */
  #drawable({ header }: QueuedFrame): boolean {
    if (!hasKeys(header.kind)) return true;
    const track = trackOf(header);
    if (isKey(header)) this.#keysSent.set(track, Math.max(header.sequence, this.#keysSent.get(track) ?? 0));
    return this.#keysSent.get(track) === header.keySequence || isKey(header);
  }

  /**
   * Drops poses that a newer one replaces: a key replaces all waiting poses of its track, a delta
   * only the deltas.
   */
  #dropReplaced(): void {
    if (this.#waiting.length < 2) return;
    const newer = new Map<number, 'key' | 'delta'>();
    const replaced: QueuedFrame[] = [];
    const kept = this.#waiting.toReversed().filter(({ frame }) => {
      const { header } = frame;
      if (!hasKeys(header.kind)) return true;
      const track = trackOf(header);
      const seen = newer.get(track);
      const useless = seen === 'key' || (seen === 'delta' && !isKey(header));
      if (useless) replaced.push(frame);
      else newer.set(track, isKey(header) ? 'key' : 'delta');
      return !useless;
    });
    if (replaced.length === 0) return;
    this.#waiting = kept.reverse();
    this.#drop('motion_replaced', replaced);
  }

  #expireAudio(nowMs: number): void {
    const { audioDeadlineMs } = this.#options.limits;
    if (nowMs - (this.#waiting[0]?.sinceMs ?? nowMs) <= audioDeadlineMs) return;
    const expired: QueuedFrame[] = [];
    this.#waiting = this.#waiting.filter(({ frame, sinceMs }) => {
      const late = frame.header.kind === Kind.AUDIO && nowMs - sinceMs > audioDeadlineMs;
      if (late) expired.push(frame);
      return !late;
    });
    this.#drop('audio_deadline', expired);
  }

  #drop(reason: DropReason, frames: readonly QueuedFrame[]): void {
    if (frames.length === 0) return;
    this.#options.onDrop(reason, frames.length);
    for (const { header } of frames) this.#dropped.add(header.sequence);
  }
}
