// Rows of the frames output: one per frame, with the batch's labels. The frame's bytes are kept as
// the broadcaster encoded them; the other columns spare an analyst from parsing them. The schema is
// spec/frame.avsc, word for word.
import { epochText, type FrameHeader } from '@hayate/protocol';
import type { Batch, LabelledFrame } from '@hayate/protocol/server';
import { defineAvroTable } from '../../format/avro/index.ts';
import type { LogEntry } from '../../log/log.ts';
import type { PartitionName } from '../layout/path.ts';
import { safeNumber } from './safe-number.ts';

/** One frame. Longs are safe integers. */
export interface FrameRow {
  log: string;
  partition: number;
  offset: number;
  index: number;
  append_time: number;
  stream: string;
  epoch: string;
  generation: number;
  incarnation: string;
  labels: Record<string, string>;
  received_time: number;
  sequence: number;
  capture_us: number;
  kind: number;
  flags: number;
  participant: number;
  position: number;
  key_sequence: number;
  payload_offset: number;
  payload_length: number;
  frame: Buffer;
}

/** The frames output's schema. */
export const FRAME_TABLE = defineAvroTable<FrameRow>({
  type: 'record',
  name: 'Frame',
  namespace: 'hayate.v1',
  doc: 'One frame of a broadcast as the server took it, each sequence of an epoch once. See spec/archive.md.',
  fields: [
    { name: 'log', type: 'string', doc: 'Id of the log it was read from.' },
    { name: 'partition', type: 'int' },
    { name: 'offset', type: 'long', doc: 'Of the log entry (batch) in the partition.' },
    { name: 'index', type: 'int', doc: 'Of the frame in the batch, from 0.' },
    { name: 'append_time', type: { type: 'long', logicalType: 'timestamp-millis' }, doc: 'When the log took the batch.' },
    { name: 'stream', type: 'string' },
    { name: 'epoch', type: 'string', doc: '16 hex digits.' },
    { name: 'generation', type: 'long', doc: 'Which connection of the epoch.' },
    { name: 'incarnation', type: 'string', doc: 'Of the streamer process; 16 hex digits.' },
    { name: 'labels', type: { type: 'map', values: 'string' }, doc: "From the broadcaster's token." },
    { name: 'received_time', type: { type: 'long', logicalType: 'timestamp-micros' }, doc: 'When the streamer received the frame.' },
    { name: 'sequence', type: 'long' },
    { name: 'capture_us', type: 'long', doc: 'Microseconds since the epoch began.' },
    { name: 'kind', type: 'int', doc: '1 HEADER, 2 AUDIO, 3 MOTION, 4 EVENT, 5 GAME, 64 to 127 of users.' },
    { name: 'flags', type: 'long', doc: 'Bit 0: KEY.' },
    { name: 'participant', type: 'long' },
    { name: 'position', type: 'long', doc: 'AUDIO: 48 kHz samples since the epoch began.' },
    { name: 'key_sequence', type: 'long', doc: 'MOTION and GAME without KEY: the sequence of their key.' },
    { name: 'payload_offset', type: 'int', doc: 'Where the payload begins in frame.' },
    { name: 'payload_length', type: 'int' },
    { name: 'frame', type: 'bytes', doc: 'The encoded hayate.v1.Frame message, byte for byte.' },
  ],
});

/** Makes the row of a batch's frame `index`, whose header has been read. */
export function frameRow(
  name: PartitionName,
  entry: LogEntry,
  batch: Batch,
  index: number,
  { frame, receivedUnixUs }: LabelledFrame,
  header: FrameHeader,
): FrameRow {
  return {
    ...name,
    offset: entry.offset,
    index,
    append_time: entry.appendTimeMs,
    stream: header.stream,
    epoch: epochText(header.epoch),
    generation: batch.generation,
    incarnation: epochText(batch.incarnation),
    labels: sortedLabels(batch.labels),
    received_time: safeNumber(receivedUnixUs),
    sequence: safeNumber(header.sequence),
    capture_us: safeNumber(header.captureUs),
    kind: header.kind,
    flags: header.flags,
    participant: header.participant,
    position: safeNumber(header.position),
    key_sequence: safeNumber(header.keySequence),
    payload_offset: header.payloadOffset,
    payload_length: header.payloadLength,
    frame: Buffer.from(frame.buffer, frame.byteOffset, frame.length),
  };
}

/** Returns the labels with sorted keys, because the order of a Protobuf map has no meaning. */
export function sortedLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}
