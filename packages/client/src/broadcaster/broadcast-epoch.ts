// One epoch of a broadcast: voice, poses, events and headers in, encoded frames out through its
// outbox. Each input becomes one frame with the next sequence. Positions and capture times are the
// epoch's own. Invariant: a frame with a sequence is acknowledged, kept for resending, or declared
// dropped.
import { create, toBinary } from '@bufbuild/protobuf';
import { AudioSchema, EventSchema, encodeFrame, FrameFlag, Kind, Limits, type Pose, Timing } from '@hayate/protocol';
import { ClientError } from '../client-error.ts';
import type { ClockOffset } from '../connection/clock-estimate.ts';
import type { Acknowledgement, EventInput, FrameCounts, StreamDescription } from './broadcaster-api.ts';
import { MotionEncoder } from './motion-encoder.ts';
import { Outbox, type OutboxOptions } from './outbox.ts';
import { PositionMap } from './position-map.ts';
import { encodeStreamHeader, improves, type Origin, originOf } from './stream-header.ts';
import { countName, noFrames } from './unacknowledged-queue.ts';

/** The time and participant of a frame of any kind. */
interface FrameTime {
  participant: number;
  /** Microseconds since this epoch began. */
  captureUs: number;
}

/** The counts of one epoch so far. */
export interface EpochStatistics {
  /** Frames that were written more than once, counted once for each further time. */
  readonly resent: number;
  readonly unacknowledgedFrames: number;
  readonly unacknowledgedBytes: number;
  /** Every frame before this sequence is acknowledged. */
  readonly acknowledgedNextSequence: number;
  /** The sequence of the next frame. */
  readonly nextSequence: number;
}

/** The frames that the server of an epoch never acknowledged. */
export interface Unacknowledged {
  readonly counts: FrameCounts;
  /** The application's inputs of the events among them, in order. */
  readonly events: EventInput[];
}

export interface BroadcastEpochOptions extends OutboxOptions {
  stream: string;
  epoch: bigint;
  /** The local clock at capture time 0. */
  beganMs: number;
  frameBytesMax: number;
  /** A frame got its sequence. */
  onFrame: (kind: number) => void;
}

/** Encodes the frames of one epoch, and delivers them. */
export class BroadcastEpoch {
  readonly #options: BroadcastEpochOptions;
  readonly #outbox: Outbox;
  readonly #motion = new MotionEncoder();
  readonly #positions = new PositionMap();
  #announced: Origin | undefined;
  #headerMs = 0;

  constructor(options: BroadcastEpochOptions) {
    this.#options = options;
    this.#outbox = new Outbox(options);
  }

  get epoch(): bigint {
    return this.#options.epoch;
  }

  get beganMs(): number {
    return this.#options.beganMs;
  }

  get statistics(): EpochStatistics {
    const { resent, nextSequence, queue } = this.#outbox;
    return {
      resent,
      unacknowledgedFrames: queue.frames,
      unacknowledgedBytes: queue.bytes,
      acknowledgedNextSequence: queue.acknowledged,
      nextSequence,
    };
  }

  /** The frames that no server has acknowledged so far. */
  get unacknowledged(): Unacknowledged {
    const [counts, events] = [noFrames(), [] as EventInput[]];
    for (const { kind, event } of this.#outbox.queue.unacknowledged()) {
      counts[countName(kind)]++;
      if (event !== undefined) events.push(event);
    }
    return { counts, events };
  }

  audio(time: FrameTime, audio: { packets: readonly Uint8Array[]; position: number; samples: number; level: number | undefined }): number {
    const { packets, level, position, samples } = audio;
    const payload = toBinary(AudioSchema, create(AudioSchema, { packets: [...packets], ...(level === undefined ? {} : { level }) }));
    return this.#push(Kind.AUDIO, time, { payload, position: this.#positions.place({ ...time, position, samples }) });
  }

  /**
   * Undefined if the pose was skipped: the connection is congested, and it would have been a delta.
   */
  motion(time: FrameTime, pose: Pose): number | undefined {
    const encoded = this.#motion.encode(pose, { ...time, keysOnly: this.#outbox.congested });
    if (encoded === undefined) return undefined;
    const { payload, keySequence } = encoded;
    if (keySequence !== undefined) return this.#push(Kind.MOTION, time, { payload, keySequence });
    const sequence = this.#push(Kind.MOTION, time, { payload, flags: FrameFlag.KEY });
    this.#motion.keySent(encoded, { ...time, sequence });
    return sequence;
  }

  /** Throws ClientError QUEUE_FULL; see `checkRoom`. */
  event(time: FrameTime, event: EventInput): number {
    this.#outbox.expire();
    this.checkRoom();
    return this.#push(Kind.EVENT, time, { payload: toBinary(EventSchema, create(EventSchema, { body: event })) }, event);
  }

  /** Throws ClientError QUEUE_FULL if too many frames wait that are never dropped. */
  checkRoom(): void {
    if (this.#outbox.queue.eventsFull) throw new ClientError('QUEUE_FULL', 'Too many events wait for an acknowledgement.');
  }

  /** A HEADER with the description and the best estimate of when the epoch began. */
  header(description: StreamDescription, offset: ClockOffset | undefined, nowMs: number): number {
    if (offset !== undefined) this.#announced = originOf(offset, this.beganMs);
    this.#headerMs = nowMs;
    const payload = encodeStreamHeader(description, this.#announced ?? { unixUs: 0, errorUs: 0 });
    return this.#push(Kind.HEADER, { participant: 0, captureUs: Math.max(0, Math.round((nowMs - this.beganMs) * 1000)) }, { payload });
  }

  /** Whether a new HEADER would give viewers a clearly better time. */
  originImproved(offset: ClockOffset | undefined, nowMs: number): boolean {
    if (offset === undefined || nowMs - this.#headerMs < Timing.headerIntervalMs) return false;
    return this.#announced === undefined || improves(originOf(offset, this.beganMs), this.#announced);
  }

  /**
   * A connection to a server is live that has every frame before `serverNext`, as it says. It needs
   * the rest. It may have lost its keys, so the next pose of each participant becomes a key.
   * `isVouched`: see `acknowledge`.
   */
  connect(serverNext: number, isVouched: boolean): Acknowledgement | undefined {
    const next = Math.min(serverNext, this.#outbox.nextSequence);
    this.#outbox.connect(next);
    this.#motion.restart();
    return this.acknowledge(next, isVouched);
  }

  /** The connection is lost. */
  disconnect(): void {
    this.#outbox.disconnect();
  }

  /**
   * The server has stored every frame before `next`. `isVouched`: a ticket says so as well, so that
   * no server will ask for these frames again. Undefined if nothing new is acknowledged.
   */
  acknowledge(next: number, isVouched: boolean): Acknowledgement | undefined {
    const { queue, nextSequence } = this.#outbox;
    const before = queue.acknowledged;
    const end = Math.min(next, nextSequence);
    const dropped = queue.dropped.ranges.flatMap(({ first, last }) => (first < end ? [{ first, last: Math.min(last, end - 1) }] : []));
    queue.acknowledge(end);
    if (isVouched) queue.release(next);
    return queue.acknowledged > before ? { nextSequence: queue.acknowledged, dropped } : undefined;
  }

  /** The server could not store the frames from `from`: they are written again. */
  resend(from: number): void {
    this.#outbox.resend(from);
  }

  /** Writes all that may be written now. */
  flush(): void {
    this.#outbox.flush();
  }

  /** No more frames will come: END follows the last. */
  finish(): void {
    this.#outbox.finish();
  }

  #push(
    kind: number,
    time: FrameTime,
    rest: { payload: Uint8Array; flags?: number; position?: number; keySequence?: number },
    event?: EventInput,
  ): number {
    const { stream, epoch, frameBytesMax, onFrame } = this.#options;
    if (!(Number.isInteger(time.participant) && time.participant >= 0 && time.participant < Limits.participantsMax))
      throw new ClientError('INVALID', `A participant is a number from 0 to ${Limits.participantsMax - 1}.`);
    const sequence = this.#outbox.nextSequence;
    const bytes = encodeFrame({ stream, epoch, sequence, kind, ...time, ...rest });
    if (bytes.length > frameBytesMax) throw new ClientError('INVALID', `A frame holds at most ${frameBytesMax} bytes.`);
    this.#outbox.push({ kind, bytes, ...(event === undefined ? {} : { event }) });
    onFrame(kind);
    return sequence;
  }
}
