// Encodes rows of the frames output by hand, straight into their block. The bytes are those that
// FRAME_TABLE's codec would write of `frameRow`, without an object for each frame. The columns that
// all rows of a batch share are encoded once.
import { epochText, type FrameHeader } from '@hayate/protocol';
import type { PartitionName } from '../../archive/layout/path.ts';
import { safeNumber } from '../../archive/row/safe-number.ts';
import { AVRO_LONG_BYTES, type AvroBlocks, avroLong, avroSized, avroStringMap, writeAvroLong } from '../../format/avro/index.ts';

/** The columns that all rows of a batch share. */
interface BatchColumns {
  stream: string;
  epoch: bigint;
  generation: number;
  incarnation: bigint;
  /** Sorted by key. */
  labels: Readonly<Record<string, string>>;
}

/** Maximum bytes of a row's numbers. */
const NUMBERS_BYTES_MAX = 13 * AVRO_LONG_BYTES;

/** Encodes rows of one broadcast. */
export class FrameRowEncoder {
  /** Columns before `offset`. */
  readonly #partition: Buffer;
  /** Columns before `index`. */
  #place = Buffer.alloc(0);
  /** Columns from `append_time` to `labels`. */
  #batch = Buffer.alloc(0);
  /** Columns from `stream` to `labels`, and the values they were encoded from. */
  #broadcast = Buffer.alloc(0);
  #columns: BatchColumns | undefined;

  constructor({ log, partition }: PartitionName) {
    this.#partition = Buffer.concat([avroSized(log), avroLong(partition)]);
  }

  /**
   * Sets the batch of the following rows: its offset, its append time (Unix milliseconds) and its
   * columns.
   */
  beginBatch(offset: number, appendTimeMs: number, columns: BatchColumns): void {
    const known = this.#columns;
    if (
      known?.stream !== columns.stream ||
      known.epoch !== columns.epoch ||
      known.generation !== columns.generation ||
      known.incarnation !== columns.incarnation ||
      known.labels !== columns.labels
    ) {
      const { stream, epoch, generation, incarnation, labels } = columns;
      const parts = [avroSized(stream), avroSized(epochText(epoch)), avroLong(generation), avroSized(epochText(incarnation))];
      this.#broadcast = Buffer.concat([...parts, avroStringMap(labels)]);
      this.#columns = { stream, epoch, generation, incarnation, labels };
    }
    this.#place = Buffer.concat([this.#partition, avroLong(offset)]);
    this.#batch = Buffer.concat([avroLong(appendTimeMs), this.#broadcast]);
  }

  /**
   * Adds the row of the batch's frame `index`: `value` from `start` to `end`, whose header has been
   * read.
   */
  append(blocks: AvroBlocks, index: number, header: FrameHeader, receivedUs: number, frame: Uint8Array): void {
    let at = blocks.begin(this.#place.length + this.#batch.length + NUMBERS_BYTES_MAX + frame.length);
    const { buffer } = blocks;
    buffer.set(this.#place, at);
    at = writeAvroLong(buffer, index, at + this.#place.length);
    buffer.set(this.#batch, at);
    at = writeAvroLong(buffer, receivedUs, at + this.#batch.length);
    at = writeAvroLong(buffer, safeNumber(header.sequence), at);
    at = writeAvroLong(buffer, safeNumber(header.captureUs), at);
    at = writeAvroLong(buffer, header.kind, at);
    at = writeAvroLong(buffer, header.flags, at);
    at = writeAvroLong(buffer, header.participant, at);
    at = writeAvroLong(buffer, safeNumber(header.position), at);
    at = writeAvroLong(buffer, safeNumber(header.keySequence), at);
    at = writeAvroLong(buffer, header.payloadOffset, at);
    at = writeAvroLong(buffer, header.payloadLength, at);
    at = writeAvroLong(buffer, frame.length, at);
    buffer.set(frame, at);
    blocks.end(at + frame.length);
  }
}
