// What waits to be appended to one partition: entries in, one batch at a time out. A batch that was sent stays as it is, with
// its sequence, until its fate is known, so that the broker knows it again; nothing overtakes it.
import type { LogRefusedError } from '../log.ts';
import type { Fault } from './fault.ts';
import { BATCH_HEAD_BYTES, encodeRecordBatch, type KeyValue, recordBytesMax } from './record-batch.ts';

/** Who writes, as the broker knows it. */
export interface ProducerIdentity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

/** An entry that waits. */
export interface WaitingEntry extends KeyValue {
  /** Monotonic ms. */
  readonly sinceMs: number;
  readonly resolve: (offset: number) => void;
  readonly reject: (error: LogRefusedError) => void;
}

interface Sealed {
  readonly entries: readonly WaitingEntry[];
  readonly bytes: Buffer;
}

/** Sequences are 32-bit and begin again behind the highest. */
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
  /** Monotonic ms: not to be sent before. */
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

  /** When the oldest entry came, monotonic ms; Infinity if there is none. */
  get oldestMs(): number {
    return (this.#sealed?.entries[0] ?? this.#waiting[0])?.sinceMs ?? Number.POSITIVE_INFINITY;
  }

  add(entry: WaitingEntry): void {
    this.#waiting.push(entry);
  }

  /** From now on batches are this producer's, counted from 0. */
  begin(identity: ProducerIdentity): void {
    this.#identity = identity;
    this.#sequence = 0;
  }

  /** The batch to send: the one whose fate is open, else the next. There must be an identity and an entry. */
  seal(): Buffer {
    if (this.#sealed !== undefined) return this.#sealed.bytes;
    if (this.#identity === undefined) throw new Error('a batch is sealed by a producer');
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

  /** The batch is durable: its entries, and its bytes. */
  settle(): Sealed {
    const sealed = this.#sealed;
    if (sealed === undefined) throw new Error('what is settled was sealed');
    this.#sequence = (this.#sequence + sealed.entries.length) % SEQUENCES;
    this.#sealed = undefined;
    this.fault = undefined;
    return sealed;
  }

  /** The broker does not know this producer any more, or what it wrote last: the batch is to be sealed anew, by another. */
  resetProducer(): void {
    this.#waiting = [...(this.#sealed?.entries ?? []), ...this.#waiting];
    this.#sealed = undefined;
    this.#identity = undefined;
  }

  /** Everything that waits, which is given up. */
  giveUp(): WaitingEntry[] {
    this.resetProducer();
    return this.#waiting.splice(0);
  }
}
