// Rows of the marks output: the content of batches other than frames, in log order. These are the
// ranges that a broadcaster declared dropped, and the ends of epochs. Together with the frames they
// prove that nothing is missing. The schema is spec/mark.avsc, word for word.
import { epochText } from '@hayate/protocol';
import type { Batch } from '@hayate/protocol/server';
import { defineAvroTable } from '../../format/avro/index.ts';
import type { LogEntry } from '../../log/log.ts';
import type { PartitionName } from '../layout/path.ts';
import { safeNumber } from './safe-number.ts';

/** One mark. Sequences are safe integers. */
export interface MarkRow {
  log: string;
  partition: number;
  offset: number;
  append_time: number;
  stream: string;
  epoch: string;
  generation: number;
  incarnation: string;
  mark: 'DROPPED' | 'END';
  first_sequence: number;
  next_sequence: number;
  reason: number;
}

/** The marks output's schema. */
export const MARK_TABLE = defineAvroTable<MarkRow>({
  type: 'record',
  name: 'Mark',
  namespace: 'hayate.v1',
  doc: 'What a batch says besides its frames, once per batch that says it. See spec/archive.md.',
  fields: [
    { name: 'log', type: 'string', doc: 'Id of the log it was read from.' },
    { name: 'partition', type: 'int' },
    { name: 'offset', type: 'long', doc: 'Of the log entry (batch) in the partition.' },
    { name: 'append_time', type: { type: 'long', logicalType: 'timestamp-millis' }, doc: 'When the log took the batch.' },
    { name: 'stream', type: 'string' },
    { name: 'epoch', type: 'string', doc: '16 hex digits.' },
    { name: 'generation', type: 'long', doc: 'Which connection of the epoch.' },
    { name: 'incarnation', type: 'string', doc: 'Of the streamer process; 16 hex digits.' },
    {
      name: 'mark',
      type: { type: 'enum', name: 'MarkKind', symbols: ['DROPPED', 'END'] },
      doc: 'DROPPED: the broadcaster declared the sequences dropped. END: the epoch is over.',
    },
    { name: 'first_sequence', type: 'long', doc: 'DROPPED: the first of the range. END: as next_sequence.' },
    { name: 'next_sequence', type: 'long', doc: 'DROPPED: the sequence behind the range. END: the number of frames in the epoch.' },
    { name: 'reason', type: 'int', doc: 'END: 1 finished, 2 lost, 3 superseded, 4 moderated. DROPPED: 0.' },
  ],
});

/** Returns the marks of a batch: its dropped ranges, and the end of its epoch. */
export function markRows(
  name: PartitionName,
  entry: LogEntry,
  batch: Pick<Batch, 'stream' | 'epoch' | 'generation' | 'incarnation'>,
  { dropped, end }: Pick<Batch, 'dropped' | 'end'>,
): MarkRow[] {
  const common = {
    ...name,
    offset: entry.offset,
    append_time: entry.appendTimeMs,
    stream: batch.stream,
    epoch: epochText(batch.epoch),
    generation: batch.generation,
    incarnation: epochText(batch.incarnation),
  };
  const rows = dropped.map(
    ({ first, last }): MarkRow => ({
      ...common,
      mark: 'DROPPED',
      first_sequence: safeNumber(first),
      next_sequence: safeNumber(last + 1n),
      reason: 0,
    }),
  );
  if (end !== undefined) {
    const next = safeNumber(end.nextSequence);
    rows.push({ ...common, mark: 'END', first_sequence: next, next_sequence: next, reason: end.reason });
  }
  return rows;
}
