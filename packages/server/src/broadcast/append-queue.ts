// Carries frames from a publication to the log: gathers them into batches, appends the batches in
// order, and tracks which sequences are durable. When the log refuses a batch, or a bound is
// reached, the queue refuses all later frames until the log accepts a probe. Then the broadcaster
// is asked to resend. Live delivery never waits for the log.
import { create, toBinary } from '@bufbuild/protobuf';
import { type Ended, type Range, RangeSet } from '@hayate/protocol';
import { BatchSchema, type LabelledFrame, LabelledFrameSchema, RecordSchema } from '@hayate/protocol/server';
import type { CancelTimer, Clock } from '../kernel/clock.ts';
import type { Log } from '../log/log.ts';

/** Bounds and timing of appends to the log. */
export interface AppendLimits {
  /** A batch is appended when its oldest frame has waited this long. */
  batchMs: number;
  /** A batch is also appended when it holds this many bytes. */
  batchBytesMax: number;
  /** Unsettled bytes of one stream; frames beyond this are refused. */
  streamBytesMax: number;
  /** Unsettled bytes of the process; frames beyond this are refused. */
  processBytesMax: number;
  /** How long after a refusal the log is tried again. */
  retryMs: number;
}

/** The budget that all queues of a process share. */
export interface AppendBudget {
  unsettledBytes: number;
}

/** Fields that every batch of this publication carries. */
export interface BatchIdentity {
  stream: string;
  epoch: bigint;
  generation: number;
  incarnation: bigint;
  labels: Readonly<Record<string, string>>;
}

interface AppendQueueOptions {
  clock: Clock;
  log: Log;
  limits: AppendLimits;
  budget: AppendBudget;
  identity: () => BatchIdentity;
  viewers: () => number;
  /** Everything before this sequence is durable from the start. */
  nextSequence: number;
  /** Called when more is durable. */
  onDurable: () => void;
  /** Called when the log accepts frames again: request everything from `nextSequence` on. */
  onResend: () => void;
  /** Counts a refusal. */
  onRefused: (error: unknown) => void;
}

interface Batch {
  frames: LabelledFrame[];
  sequences: number[];
  dropped: Range[];
  end: Ended | undefined;
  bytes: number;
}

const emptyBatch = (): Batch => ({ frames: [], sequences: [], dropped: [], end: undefined, bytes: 0 });

/** Bytes that a frame costs in the queue in addition to its own size. */
const ENTRY_BYTES = 32;

/** The append queue of one publication. */
export class AppendQueue {
  readonly #options: AppendQueueOptions;
  /** Sequences that are durable, or declared dropped with the declaration durable. */
  readonly #durable = new RangeSet();
  /** Sequences that are durable or on their way to the log. */
  readonly #taken = new RangeSet();
  #open = emptyBatch();
  #unsettledBytes = 0;
  #cancelBatch: CancelTimer | undefined;
  #refusing = false;
  #cancelRetry: CancelTimer | undefined;
  #inFlight = new Set<Promise<void>>();
  #closed = false;
  #endDurable = false;

  constructor(options: AppendQueueOptions) {
    this.#options = options;
    if (options.nextSequence > 0) this.vouch(options.nextSequence);
  }

  /** Everything before this is durable or declared dropped. */
  get nextSequence(): number {
    return this.#durable.nextMissing();
  }

  /** Whether the frame was taken before: it is durable or on its way. */
  has(sequence: number): boolean {
    return this.#taken.has(sequence);
  }

  /** Whether the epoch's end is in the log. */
  get endDurable(): boolean {
    return this.#endDurable;
  }

  /** Records a ticket's statement that everything before `nextSequence` is durable. */
  vouch(nextSequence: number): void {
    this.#durable.add(0, nextSequence - 1);
    this.#taken.add(0, nextSequence - 1);
  }

  /** Takes a frame that `has` does not know. False: the frame is refused. */
  add(sequence: number, frame: Uint8Array, receivedUnixUs: number): boolean {
    const bytes = frame.length + ENTRY_BYTES;
    if (!this.#admits(bytes)) return false;
    this.#taken.add(sequence);
    this.#open.frames.push(create(LabelledFrameSchema, { frame, receivedUnixUs: BigInt(receivedUnixUs) }));
    this.#open.sequences.push(sequence);
    this.#grow(bytes);
    return true;
  }

  /** Takes a range that the broadcaster declared dropped. False: the range is refused. */
  addDropped(range: Range): boolean {
    if (!this.#admits(ENTRY_BYTES)) return false;
    this.#taken.add(Number(range.first), Number(range.last));
    this.#open.dropped.push(range);
    this.#grow(ENTRY_BYTES);
    return true;
  }

  /** Takes the epoch's end, and appends at once. False: the end is refused. */
  addEnd(end: Ended): boolean {
    if (!this.#admits(ENTRY_BYTES)) return false;
    this.#open.end = end;
    this.#grow(ENTRY_BYTES);
    this.flush();
    return true;
  }

  /** Appends the gathered frames now. */
  flush(): void {
    this.#cancelBatch?.();
    this.#cancelBatch = undefined;
    const batch = this.#open;
    if (batch.bytes === 0) return;
    this.#open = emptyBatch();
    const { identity, viewers, log } = this.#options;
    const { stream, epoch, generation, incarnation, labels } = identity();
    const record = create(RecordSchema, {
      body: {
        case: 'batch',
        value: create(BatchSchema, {
          stream,
          epoch,
          generation,
          incarnation,
          labels: { ...labels },
          frames: batch.frames,
          dropped: batch.dropped,
          viewers: viewers(),
          ...(batch.end === undefined ? {} : { end: batch.end }),
        }),
      },
    });
    const settled = log.append(stream, toBinary(RecordSchema, record)).then(
      () => this.#settle(batch),
      (error: unknown) => this.#refuse(batch, error),
    );
    this.#inFlight.add(settled);
    void settled.finally(() => this.#inFlight.delete(settled));
  }

  /** Appends the gathered frames; resolves when everything is settled, appended or refused. */
  async drain(): Promise<void> {
    this.flush();
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
  }

  /** Takes nothing more. */
  close(): void {
    this.#closed = true;
    this.#cancelBatch?.();
    this.#cancelRetry?.();
  }

  #admits(bytes: number): boolean {
    if (this.#refusing || this.#closed) return false;
    const { limits, budget } = this.#options;
    if (this.#unsettledBytes + bytes <= limits.streamBytesMax && budget.unsettledBytes + bytes <= limits.processBytesMax) return true;
    this.#startRefusing(undefined);
    return false;
  }

  #grow(bytes: number): void {
    const { limits, budget } = this.#options;
    this.#open.bytes += bytes;
    this.#unsettledBytes += bytes;
    budget.unsettledBytes += bytes;
    if (this.#open.bytes >= limits.batchBytesMax) this.flush();
    else this.#cancelBatch ??= this.#options.clock.after(limits.batchMs, () => this.flush());
  }

  #release(batch: Batch): void {
    this.#unsettledBytes -= batch.bytes;
    this.#options.budget.unsettledBytes -= batch.bytes;
  }

  #settle(batch: Batch): void {
    this.#release(batch);
    for (const sequence of batch.sequences) this.#durable.add(sequence);
    for (const range of batch.dropped) this.#durable.add(Number(range.first), Number(range.last));
    if (batch.end !== undefined) this.#endDurable = true;
    this.#options.onDurable();
  }

  #refuse(batch: Batch, error: unknown): void {
    this.#release(batch);
    this.#startRefusing(error);
  }

  #startRefusing(error: unknown): void {
    this.#options.onRefused(error);
    if (this.#refusing || this.#closed) return;
    this.#refusing = true;
    this.#flushRefused();
    this.#retryLater();
  }

  /** Refuses the frames gathered after a refused frame as well. They will be resent with it. */
  #flushRefused(): void {
    this.#cancelBatch?.();
    this.#cancelBatch = undefined;
    this.#release(this.#open);
    this.#open = emptyBatch();
  }

  #retryLater(): void {
    const { clock, limits, log } = this.#options;
    this.#cancelRetry = clock.after(limits.retryMs, () => {
      if (this.#inFlight.size > 0 || !log.writable()) this.#retryLater();
      else this.#takeAgain();
    });
  }

  #takeAgain(): void {
    this.#refusing = false;
    this.#taken.clear();
    for (const { first, last } of this.#durable.ranges) this.#taken.add(first, last);
    this.#options.onResend();
  }
}
