// One epoch of a broadcast: voice, poses, events and headers in, encoded frames into its outbox.
// Each input becomes one frame with the next sequence. Positions and capture times are the epoch's
// own.
import { create, toBinary } from '@bufbuild/protobuf';
import { AudioSchema, EventSchema, encodeFrame, FrameFlag, Kind, Limits, type Pose, Timing } from '@hayate/protocol';
import { ClientError } from '../client-error.ts';
import type { ClockOffset } from '../connection/clock-estimate.ts';
import type { EventInput, StreamDescription } from './broadcaster-api.ts';
import { MotionEncoder } from './motion-encoder.ts';
import type { Outbox } from './outbox.ts';
import { PositionMap } from './position-map.ts';
import { encodeStreamHeader, improves, type Origin, originOf } from './stream-header.ts';

/** The time and participant of a frame of any kind. */
export interface FrameTime {
  participant: number;
  /** Microseconds since this epoch began. */
  captureUs: number;
}

export interface BroadcastEpochOptions {
  stream: string;
  epoch: bigint;
  /** The local clock at capture time 0. */
  beganMs: number;
  outbox: Outbox;
  frameBytesMax: number;
  /** A frame got its sequence. */
  onFrame: (kind: number) => void;
}

/** Encodes the frames of one epoch. */
export class BroadcastEpoch {
  readonly #options: BroadcastEpochOptions;
  readonly #motion = new MotionEncoder();
  readonly #positions = new PositionMap();
  #said: Origin | undefined;
  #saidMs = 0;

  constructor(options: BroadcastEpochOptions) {
    this.#options = options;
  }

  get epoch(): bigint {
    return this.#options.epoch;
  }

  get beganMs(): number {
    return this.#options.beganMs;
  }

  get outbox(): Outbox {
    return this.#options.outbox;
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
    const encoded = this.#motion.encode(pose, { ...time, keysOnly: this.outbox.congested });
    if (encoded === undefined) return undefined;
    const { payload, keySequence } = encoded;
    if (keySequence !== undefined) return this.#push(Kind.MOTION, time, { payload, keySequence });
    const sequence = this.#push(Kind.MOTION, time, { payload, flags: FrameFlag.KEY });
    this.#motion.keySent(encoded, { ...time, sequence });
    return sequence;
  }

  event(time: FrameTime, event: EventInput): number {
    return this.#push(Kind.EVENT, time, { payload: toBinary(EventSchema, create(EventSchema, { body: event })) }, event);
  }

  /** A HEADER with the description and the best estimate of when the epoch began. */
  header(description: StreamDescription, offset: ClockOffset | undefined, nowMs: number): number {
    if (offset !== undefined) this.#said = originOf(offset, this.beganMs);
    this.#saidMs = nowMs;
    const payload = encodeStreamHeader(description, this.#said ?? { unixUs: 0, errorUs: 0 });
    return this.#push(Kind.HEADER, { participant: 0, captureUs: Math.max(0, Math.round((nowMs - this.beganMs) * 1000)) }, { payload });
  }

  /** Whether a new HEADER would give viewers a clearly better time. */
  originImproved(offset: ClockOffset | undefined, nowMs: number): boolean {
    if (offset === undefined || nowMs - this.#saidMs < Timing.headerIntervalMs) return false;
    return this.#said === undefined || improves(originOf(offset, this.beganMs), this.#said);
  }

  /** The other end may have lost its keys, so the next pose of each participant becomes a key. */
  restartMotion(): void {
    this.#motion.restart();
  }

  #push(
    kind: number,
    time: FrameTime,
    rest: { payload: Uint8Array; flags?: number; position?: number; keySequence?: number },
    event?: EventInput,
  ): number {
    const { stream, epoch, outbox, frameBytesMax, onFrame } = this.#options;
    if (!(Number.isInteger(time.participant) && time.participant >= 0 && time.participant < Limits.participantsMax))
      throw new ClientError('INVALID', `A participant is a number from 0 to ${Limits.participantsMax - 1}.`);
    const sequence = outbox.nextSequence;
    const bytes = encodeFrame({ stream, epoch, sequence, kind, ...time, ...rest });
    if (bytes.length > frameBytesMax) throw new ClientError('INVALID', `A frame holds at most ${frameBytesMax} bytes.`);
    outbox.push({ kind, bytes, ...(event === undefined ? {} : { event }) });
    onFrame(kind);
    return sequence;
  }
}
