// Encodes and decodes Kafka's record batches (magic 2). Decoding guarantees that no entry is
// missed: checksums match and offsets rise by exactly 1. Any other content of a batch (transaction
// markers, gaps left by compaction, producer timestamps) is CORRUPT.
import { compressionsAlgorithmsByBitmask, crc32c } from '@platformatic/kafka';
import { HayateError } from '../../kernel/error.ts';
import type { LogEntry } from '../log.ts';
import { VarintReader, varintBytes, writeVarint } from './varint.ts';

/** An entry to be encoded. An empty key is written as null. */
export interface KeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** The producer and sequence of a batch, by which the broker recognises a repetition. */
export interface BatchIdentity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** The sequence of the first entry, counted per producer and partition. */
  readonly sequence: number;
}

/** Bytes before the records. */
export const BATCH_HEAD_BYTES = 61;

/** Offsets of the header's fields: https://kafka.apache.org/documentation/#recordbatch */
const AT = {
  length: 8,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastDelta: 23,
  baseTime: 27,
  maxTime: 35,
  producer: 43,
  epoch: 51,
  sequence: 53,
};
const COUNT_AT = 57;
const CHECKED_FROM = AT.attributes;
const COMPRESSION = 0b111;
const LOG_APPEND_TIME = 0b1000;
const CONTROL = 0b10_0000;

/** The most bytes that an entry takes in a batch. */
export function recordBytesMax({ key, value }: KeyValue): number {
  return key.length + value.length + 24;
}

/**
 * One uncompressed batch of at least one entry. The broker sets the offsets and, with
 * LogAppendTime, the time.
 */
export function encodeRecordBatch(entries: readonly KeyValue[], { producerId, producerEpoch, sequence }: BatchIdentity): Buffer {
  const bytes = Buffer.allocUnsafe(entries.reduce((sum, entry) => sum + recordBytesMax(entry), BATCH_HEAD_BYTES));
  let end = BATCH_HEAD_BYTES;
  for (const [delta, entry] of entries.entries()) end = writeRecord(bytes, end, delta, entry);
  const now = BigInt(Date.now());
  bytes.writeBigInt64BE(0n, 0);
  bytes.writeInt32BE(end - AT.magic + 4, AT.length);
  bytes.writeInt32BE(-1, AT.length + 4);
  bytes.writeInt8(2, AT.magic);
  bytes.writeInt16BE(0, AT.attributes);
  bytes.writeInt32BE(entries.length - 1, AT.lastDelta);
  bytes.writeBigInt64BE(now, AT.baseTime);
  bytes.writeBigInt64BE(now, AT.maxTime);
  bytes.writeBigInt64BE(producerId, AT.producer);
  bytes.writeInt16BE(producerEpoch, AT.epoch);
  bytes.writeInt32BE(sequence, AT.sequence);
  bytes.writeInt32BE(entries.length, COUNT_AT);
  bytes.writeUInt32BE(crc32c(bytes.subarray(CHECKED_FROM, end)), AT.crc);
  return bytes.subarray(0, end);
}

function writeRecord(into: Buffer, at: number, delta: number, { key, value }: KeyValue): number {
  const keyLength = key.length === 0 ? -1 : key.length;
  // One byte each for attributes and time delta before, and for the number of headers after.
  const size = 3 + varintBytes(delta) + varintBytes(keyLength) + key.length + varintBytes(value.length) + value.length;
  let position = writeVarint(into, at, size);
  into[position++] = 0;
  into[position++] = 0;
  position = writeVarint(into, position, delta);
  position = writeVarint(into, position, keyLength);
  into.set(key, position);
  position = writeVarint(into, position + key.length, value.length);
  into.set(value, position);
  position += value.length;
  into[position++] = 0;
  return position;
}

/**
 * Decodes the entries from offset `next` on from a broker's answer: whole batches, of which the
 * last may be cut short. The first batch may begin before `next` only if `within` is set. No
 * checksum covers a batch's base offset, so this rule and contiguity verify it. Values are views.
 * Throws CORRUPT if entries of the first batch are damaged, missing or invalid. If those of a later
 * batch are, the result ends before that batch.
 */
export function decodeRecordBatches(bytes: Buffer, next: number, { within }: { within: boolean }): LogEntry[] {
  const entries: LogEntry[] = [];
  for (let at = 0; at + BATCH_HEAD_BYTES <= bytes.length; ) {
    const end = at + AT.length + 4 + bytes.readInt32BE(at + AT.length);
    if (end > bytes.length) break;
    try {
      for (const entry of decodeBatch(bytes.subarray(at, end), next + entries.length, within && at === 0)) entries.push(entry);
    } catch (error) {
      if (at === 0) throw error;
      break;
    }
    at = end;
  }
  return entries;
}

/** The batch's entries from offset `from` on. */
function decodeBatch(batch: Buffer, from: number, within: boolean): LogEntry[] {
  if (batch.length < BATCH_HEAD_BYTES || batch.readInt8(AT.magic) !== 2) throw corrupt(from, 'its batch is of an unknown format');
  const base = Number(batch.readBigInt64BE(0));
  const end = base + batch.readInt32BE(AT.lastDelta) + 1;
  if (base > from) throw corrupt(from, `it is missing: the next offset is ${base}`);
  if (end <= from || (base < from && !within)) throw corrupt(from, `its batch begins at ${base} and ends at ${end - 1}`);
  if (crc32c(batch.subarray(CHECKED_FROM)) !== batch.readUInt32BE(AT.crc)) throw corrupt(from, 'the checksum of its batch does not match');
  const attributes = batch.readInt16BE(AT.attributes);
  if ((attributes & CONTROL) !== 0) throw corrupt(base, 'it is a transaction marker');
  if ((attributes & LOG_APPEND_TIME) === 0) throw corrupt(from, 'it has no append time: message.timestamp.type must be LogAppendTime');
  const appendTimeMs = Number(batch.readBigInt64BE(AT.maxTime));
  const count = batch.readInt32BE(COUNT_AT);
  const records = readerOf(batch, attributes & COMPRESSION, from);
  const entries: LogEntry[] = [];
  let expected = base;
  for (let read = 0; read < count; read++) {
    const { delta, key, value } = readRecord(records, expected);
    if (base + delta !== expected) throw corrupt(expected, `it is missing: the next offset is ${base + delta}`);
    if (expected >= from) entries.push({ offset: expected, appendTimeMs, key: Buffer.from(key).toString(), value });
    expected += 1;
  }
  if (expected !== end) throw corrupt(expected, `it is missing: its batch ends at ${end}`);
  return entries;
}

function readRecord(records: VarintReader, offset: number): { delta: number; key: Uint8Array; value: Uint8Array } {
  try {
    const size = records.next();
    const end = records.position + size;
    // Attributes; none is defined.
    records.position += 1;
    records.next();
    const delta = records.next();
    const key = records.nextBytes() ?? NOTHING;
    const value = records.nextBytes() ?? NOTHING;
    // Headers are skipped.
    if (end < records.position || end > records.bytes.length) throw new RangeError('its length is wrong');
    records.position = end;
    return { delta, key, value };
  } catch (error) {
    throw corrupt(offset, error instanceof Error ? error.message : String(error));
  }
}

const NOTHING = new Uint8Array();

function readerOf(batch: Buffer, compression: number, offset: number): VarintReader {
  if (compression === 0) return new VarintReader(batch, BATCH_HEAD_BYTES);
  const algorithm = Object.entries(compressionsAlgorithmsByBitmask).find(([bits]) => Number(bits) === compression)?.[1];
  if (algorithm === undefined) throw corrupt(offset, `its batch is compressed in an unknown way (${compression})`);
  try {
    return new VarintReader(algorithm.decompressSync(batch.subarray(BATCH_HEAD_BYTES)), 0);
  } catch (cause) {
    throw corrupt(offset, 'its batch cannot be decompressed', cause);
  }
}

function corrupt(offset: number, what: string, cause?: unknown): HayateError {
  return new HayateError('CORRUPT', `entry ${offset}: ${what}`, { cause });
}
