// Reads the batch in a log value without the objects of a generated codec: the bounds of each
// frame, and the fields of the batch. The plain form, which a streamer appends, is read by hand.
// Any other value is left to the generated codec, which decides.
import { fromBinary } from '@bufbuild/protobuf';
import { type Batch, RecordSchema } from '@hayate/protocol/server';
import { sortedLabels } from '../../archive/row/frame-row.ts';
import { safeNumber } from '../../archive/row/safe-number.ts';

/** A batch as the archiver reads it: valid until the next one is read. */
export interface BatchView {
  stream: string;
  epoch: bigint;
  generation: number;
  incarnation: bigint;
  /** Sorted by key. The same object as for the last batch if the labels are equal. */
  labels: Readonly<Record<string, string>>;
  viewers: number;
  /** The number of elements of the following lists that belong to this batch. */
  frameCount: number;
  /** Where each frame begins and ends in the value. */
  readonly frameStarts: number[];
  readonly frameEnds: number[];
  /** Unix microseconds, limited to the range of the columns. */
  readonly receivedUs: number[];
  /** Ranges declared dropped, and the end of the epoch. */
  rest: Pick<Batch, 'dropped' | 'end'> | undefined;
}

/** The content of a log value. */
export type RecordView = { kind: 'batch'; batch: BatchView } | { kind: 'tick'; cut: boolean } | { kind: 'unknown' };

/** Tags of the plain form: field number and wire type. */
const Tag = {
  RECORD_BATCH: 0x0a,
  STREAM: 0x0a,
  EPOCH: 0x11,
  GENERATION: 0x18,
  INCARNATION: 0x21,
  LABELS: 0x2a,
  FRAME: 0x32,
  VIEWERS: 0x48,
};
const FrameTag = { FRAME: 0x0a, RECEIVED: 0x10 };

/** A number that only the generated codec may read. */
const NOT_PLAIN = -1;

/**
 * Reads values, one after another. There is one per partition, so that the fields that stay equal
 * from batch to batch are read once.
 */
export class RecordReader {
  readonly #view: BatchView = {
    stream: '',
    epoch: 0n,
    generation: 0,
    incarnation: 0n,
    labels: {},
    viewers: 0,
    frameCount: 0,
    frameStarts: [],
    frameEnds: [],
    receivedUs: [],
    rest: undefined,
  };
  #value: Buffer = Buffer.alloc(0);
  #at = 0;
  #labelBytes = Buffer.alloc(0);
  #labels: Readonly<Record<string, string>> = {};

  /** Reads a value. Throws if it is not a Record, like the generated codec. */
  read(value: Uint8Array): RecordView {
    this.#value = Buffer.from(value.buffer, value.byteOffset, value.length);
    if (this.#readPlainBatch()) return { kind: 'batch', batch: this.#view };
    const { body } = fromBinary(RecordSchema, value);
    if (body.case === 'tick') return { kind: 'tick', cut: body.value.cut };
    if (body.case === undefined) return { kind: 'unknown' };
    this.#takeBatch(body.value);
    return { kind: 'batch', batch: this.#view };
  }

  /**
   * Whether the value is a batch of the plain form: each field at most once, labels together,
   * numbers of up to 32 bits (times: 56).
   */
  #readPlainBatch(): boolean {
    const value = this.#value;
    const view = this.#view;
    this.#at = 0;
    if (value[this.#at++] !== Tag.RECORD_BATCH) return false;
    const length = this.#varint();
    if (length === NOT_PLAIN || length !== value.length - this.#at) return false;
    view.frameCount = 0;
    view.rest = undefined;
    view.stream = '';
    view.epoch = 0n;
    view.generation = 0;
    view.incarnation = 0n;
    view.viewers = 0;
    let seen = 0;
    let labelsStart = 0;
    let labelsEnd = 0;
    while (this.#at < value.length) {
      const start = this.#at;
      const tag = value[this.#at++] ?? 0;
      if (tag === Tag.FRAME) {
        if (!this.#readFrame()) return false;
        continue;
      }
      if (tag === Tag.LABELS) {
        const length = this.#varint();
        this.#at += length;
        if (length === NOT_PLAIN || this.#at > value.length || (labelsEnd !== 0 && labelsEnd !== start)) return false;
        if (labelsEnd === 0) labelsStart = start;
        labelsEnd = this.#at;
        continue;
      }
      // The generated codec reads batches with a repeated field.
      const bit = 1 << (tag >> 3);
      if ((seen & bit) !== 0 || !this.#readField(tag)) return false;
      seen |= bit;
    }
    this.#readLabels(labelsStart, labelsEnd);
    return true;
  }

  #readField(tag: number): boolean {
    const view = this.#view;
    const value = this.#value;
    switch (tag) {
      case Tag.STREAM: {
        const length = this.#varint();
        const start = this.#at;
        this.#at += length;
        if (length === NOT_PLAIN || this.#at > value.length) return false;
        view.stream = value.toString('latin1', start, this.#at);
        // Text that is not ASCII may be invalid UTF-8.
        for (let i = start; i < this.#at; i++) if ((value[i] ?? 0) > 127) return false;
        return true;
      }
      case Tag.EPOCH:
      case Tag.INCARNATION: {
        if (this.#at + 8 > value.length) return false;
        const number = value.readBigUInt64LE(this.#at);
        if (tag === Tag.EPOCH) view.epoch = number;
        else view.incarnation = number;
        this.#at += 8;
        return true;
      }
      case Tag.GENERATION:
      case Tag.VIEWERS: {
        const number = this.#varint();
        if (number === NOT_PLAIN || number > 0xffff_ffff) return false;
        if (tag === Tag.GENERATION) view.generation = number;
        else view.viewers = number;
        return true;
      }
      default:
        return false;
    }
  }

  /** A LabelledFrame: the frame, then its receive time (left out if 0). */
  #readFrame(): boolean {
    const value = this.#value;
    const view = this.#view;
    const length = this.#varint();
    const end = this.#at + length;
    if (length === NOT_PLAIN || end > value.length || value[this.#at++] !== FrameTag.FRAME) return false;
    const frameLength = this.#varint();
    const start = this.#at;
    this.#at += frameLength;
    if (frameLength === NOT_PLAIN || this.#at > end) return false;
    const n = view.frameCount++;
    view.frameStarts[n] = start;
    view.frameEnds[n] = this.#at;
    view.receivedUs[n] = 0;
    if (this.#at === end) return true;
    if (value[this.#at++] !== FrameTag.RECEIVED) return false;
    const received = this.#varint();
    if (received === NOT_PLAIN) return false;
    view.receivedUs[n] = safeNumber(received);
    return this.#at === end;
  }

  /**
   * Reads a varint of up to 8 bytes, which a double holds well enough: exactly below 2^53. Returns
   * NOT_PLAIN for a longer one, or at the end.
   */
  #varint(): number {
    const value = this.#value;
    let number = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = value[this.#at++];
      if (byte === undefined) return NOT_PLAIN;
      if (byte < 128) return number + byte * scale;
      number += (byte - 128) * scale;
      scale *= 128;
    }
    return NOT_PLAIN;
  }

  #readLabels(start: number, end: number): void {
    const bytes = this.#value.subarray(start, end);
    if (!this.#labelBytes.equals(bytes)) {
      // A message of the labels alone, encoded as in the record's own batch.
      const { body } = fromBinary(RecordSchema, Buffer.concat([Buffer.of(Tag.RECORD_BATCH), varintBytes(bytes.length), bytes]));
      this.#labels = sortedLabels(body.case === 'batch' ? body.value.labels : {});
      this.#labelBytes = Buffer.from(bytes);
    }
    this.#view.labels = this.#labels;
  }

  /** Takes a batch that the generated codec has read. Its frames are views into the value. */
  #takeBatch(batch: Batch): void {
    const view = this.#view;
    view.stream = batch.stream;
    view.epoch = batch.epoch;
    view.generation = batch.generation;
    view.incarnation = batch.incarnation;
    view.labels = sortedLabels(batch.labels);
    view.viewers = batch.viewers;
    view.frameCount = batch.frames.length;
    view.rest = { dropped: batch.dropped, ...(batch.end === undefined ? {} : { end: batch.end }) };
    for (const [i, { frame, receivedUnixUs }] of batch.frames.entries()) {
      const start = frame.length === 0 ? 0 : frame.byteOffset - this.#value.byteOffset;
      if (frame.length > 0 && frame.buffer !== this.#value.buffer) throw new Error('a decoded frame is not a view of its record');
      view.frameStarts[i] = start;
      view.frameEnds[i] = start + frame.length;
      view.receivedUs[i] = safeNumber(receivedUnixUs);
    }
  }
}

function varintBytes(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}
