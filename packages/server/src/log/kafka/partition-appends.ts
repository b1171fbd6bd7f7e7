// The entries that wait to be appended to one partition. Entries go in; one batch at a time comes
// out. A batch that was sent keeps its bytes and its sequence until its result is known, so that
// the broker recognises a repetition. No other batch overtakes it.
import type { LogRefusedError } from '../log.ts';
import type { Fault } from './fault.ts';
import { BATCH_HEAD_BYTES, encodeRecordBatch, type KeyValue, recordBytesMax } from './record-batch.ts';

/** The producer's identity at the broker. */
export interface ProducerIdentity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

/** A waiting entry. */
interface WaitingEntry extends KeyValue {
  /** Monotonic ms. */
  readonly sinceMs: number;
  readonly resolve: (offset: number) => void;
  readonly reject: (error: LogRefusedError) => void;
}

interface Sealed {
  readonly entries: readonly WaitingEntry[];
  readonly bytes: Buffer;
}

/** Sequences are 32-bit and wrap to 0 after the highest. */
const SEQUENCES = 2 ** 31;

/** The appends of one partition. */
export class PartitionAppends {
  readonly partition: number;
  readonly #batchBytesMax: number;
  #waiting: WaitingEntry[] = [];
  #sealed: Sealed | undefined;
  #identity: ProducerIdentity | undefined;
  #sequence = 0;
  /** A request with the batch is on its way. */
  sending = false;
  /** Monotonic ms: the batch must not be sent earlier. */
  notBeforeMs = 0;
  /** Why the last attempt failed; undefined once one succeeded. */
  fault: Fault | undefined;

  constructor(partition: number, batchBytesMax: number) {
    this.partition = partition;
    this.#batchBytesMax = batchBytesMax;
  }

  get identity(): ProducerIdentity | undefined {
    return this.#identity;
  }

  get empty(): boolean {
    return this.#sealed === undefined && this.#waiting.length === 0;
  }

  /** When the oldest entry was added, monotonic ms; Infinity if there is none. */
  get oldestMs(): number {
    return (this.#sealed?.entries[0] ?? this.#waiting[0])?.sinceMs ?? Number.POSITIVE_INFINITY;
  }

  add(entry: WaitingEntry): void {
    this.#waiting.push(entry);
  }

  /** Later batches have this identity, with sequences from 0. */
  begin(identity: ProducerIdentity): void {
    this.#identity = identity;
    this.#sequence = 0;
  }

  /**
   * The batch to send: the one without a result yet, or else the next. There must be an identity
   * and an entry.
   */
  seal(): Buffer {
    if (this.#sealed !== undefined) return this.#sealed.bytes;
    if (this.#identity === undefined) throw new Error('a batch needs a producer identity');
    let count = 0;
    let bytes = BATCH_HEAD_BYTES;
    for (const entry of this.#waiting) {
      bytes += recordBytesMax(entry);
      if (count > 0 && bytes > this.#batchBytesMax) break;
      count += 1;
    }
    const entries = this.#waiting.splice(0, count);
    this.#sealed = { entries, bytes: encodeRecordBatch(entries, { ...this.#identity, sequence: this.#sequence }) };
    return this.#sealed.bytes;
  }

  /** The batch is durable; returns its entries and its bytes. */
  settle(): Sealed {
    const sealed = this.#sealed;
    if (sealed === undefined) throw new Error('only a sealed batch can be settled');
    this.#sequence = (this.#sequence + sealed.entries.length) % SEQUENCES;
    this.#sealed = undefined;
    this.fault = undefined;
    return sealed;
  }

  /**
   * The broker no longer knows this producer or its last batch, so the batch must be sealed again
   * under another identity.
   */
  resetProducer(): void {
    this.#waiting = [...(this.#sealed?.entries ?? []), ...this.#waiting];
    this.#sealed = undefined;
    this.#identity = undefined;
  }

  /** Removes and returns all waiting entries. */
  giveUp(): WaitingEntry[] {
    this.resetProducer();
    return this.#waiting.splice(0);
  }
}
