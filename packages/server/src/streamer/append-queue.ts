// From a publication to the log: gathers frames into batches, appends them in order, and knows which sequences are
// durable. When the log refuses (or the bound is reached) it refuses everything later until the log takes a probe again;
// then the broadcaster is asked to resend. Live never waits for it.
import { create, toBinary } from '@bufbuild/protobuf';
import { type Ended, type Range, RangeSet } from '@hayate/protocol';
import { BatchSchema, type LabelledFrame, LabelledFrameSchema, RecordSchema } from '@hayate/protocol/server';
import type { CancelTimer, Clock } from '../kernel/clock.ts';
import type { Log } from '../log/log.ts';

/** Bounds and pace of the way to the log. */
export interface AppendLimits {
  /** A batch is appended when its oldest frame has waited this long. */
  batchMs: number;
  /** Or when it holds so many bytes. */
  batchBytesMax: number;
  /** Unsettled bytes of one stream; more are refused. */
  streamBytesMax: number;
  /** Unsettled bytes of the process; more are refused. */
  processBytesMax: number;
  /** How long after a refusal the log is tried again. */
  retryMs: number;
}

/** What is shared by all queues of a process. */
export interface AppendBudget {
  unsettledBytes: number;
}

/** What every batch of this publication says. */
export interface BatchIdentity {
  stream: string;
  epoch: bigint;
  generation: number;
  incarnation: bigint;
  labels: Readonly<Record<string, string>>;
}

export interface AppendQueueOptions {
  clock: Clock;
  log: Log;
  limits: AppendLimits;
  budget: AppendBudget;
  identity: () => BatchIdentity;
  viewers: () => number;
  /** All before this sequence is durable from the start. */
  nextSequence: number;
  /** More is durable now. */
  onDurable: () => void;
  /** The log takes frames again: ask for everything from `nextSequence` on. */
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

/** Bytes that a frame costs in the queue beyond its own. */
const ENTRY_BYTES = 32;

/** The append queue of one publication. */
export class AppendQueue {
  readonly #options: AppendQueueOptions;
  /** Durable or declared dropped and durable as such. */
  readonly #durable = new RangeSet();
  /** Durable or on the way. */
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

  /** Whether the frame has been taken before: durable, or on its way. */
  has(sequence: number): boolean {
    return this.#taken.has(sequence);
  }

  /** Whether the epoch's end is in the log. */
  get endDurable(): boolean {
    return this.#endDurable;
  }

  /** A ticket says that everything before `nextSequence` is durable. */
  vouch(nextSequence: number): void {
    this.#durable.add(0, nextSequence - 1);
    this.#taken.add(0, nextSequence - 1);
  }

  /** Takes a frame that `has` does not know; false if it is refused. */
  add(sequence: number, frame: Uint8Array, receivedUnixUs: number): boolean {
    const bytes = frame.length + ENTRY_BYTES;
    if (!this.#admits(bytes)) return false;
    this.#taken.add(sequence);
    this.#open.frames.push(create(LabelledFrameSchema, { frame, receivedUnixUs: BigInt(receivedUnixUs) }));
    this.#open.sequences.push(sequence);
    this.#grow(bytes);
    return true;
  }

  /** Takes a range that the broadcaster declared dropped. */
  addDropped(range: Range): boolean {
    if (!this.#admits(ENTRY_BYTES)) return false;
    this.#taken.add(Number(range.first), Number(range.last));
    this.#open.dropped.push(range);
    this.#grow(ENTRY_BYTES);
    return true;
  }

  /** Takes the epoch's end, and appends at once. */
  addEnd(end: Ended): boolean {
    if (!this.#admits(ENTRY_BYTES)) return false;
    this.#open.end = end;
    this.#grow(ENTRY_BYTES);
    this.flush();
    return true;
  }

  /** Appends what is gathered now. */
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

  /** Appends what is gathered; resolves when everything is settled, one way or the other. */
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

  /** What was gathered behind a refused frame is refused too, and will come again with it. */
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
