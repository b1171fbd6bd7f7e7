// Decodes blocks of the frames output to rows, by hand. It stays within the bounds of the block and
// takes time proportional to its length, whatever its content. (avsc loops as often as a changed
// count says.)
import { type AvroBlock, AvroCursor, AvroError, joinParts } from '../../format/avro/index.ts';
import type { FrameRow } from './frame-row.ts';

const INT_MAX = 0x7fff_ffff;

/**
 * Yields the rows of `blocks`, which have the schema of FRAME_TABLE. `frame` is a view into its
 * block. Throws AvroError.
 */
export function* decodeFrameRows(blocks: Iterable<AvroBlock>): Iterable<FrameRow> {
  for (const block of blocks) {
    const cursor = new AvroCursor(joinParts(block));
    for (let rest = block.rows; rest > 0; rest--) yield decodeRow(cursor);
    if (!cursor.atEnd) throw new AvroError('a block has bytes after its last row');
  }
}

function decodeRow(cursor: AvroCursor): FrameRow {
  return {
    log: cursor.text(),
    partition: decodeInt(cursor),
    offset: cursor.long(),
    index: decodeInt(cursor),
    append_time: cursor.long(),
    stream: cursor.text(),
    epoch: cursor.text(),
    generation: cursor.long(),
    incarnation: cursor.text(),
    labels: decodeLabels(cursor),
    received_time: cursor.long(),
    sequence: cursor.long(),
    capture_us: cursor.long(),
    kind: decodeInt(cursor),
    flags: cursor.long(),
    participant: cursor.long(),
    position: cursor.long(),
    key_sequence: cursor.long(),
    payload_offset: decodeInt(cursor),
    payload_length: decodeInt(cursor),
    frame: decodeBytes(cursor),
  };
}

function decodeInt(cursor: AvroCursor): number {
  const value = cursor.long();
  if (value > INT_MAX) throw new AvroError('a number has more than 32 bits');
  return value;
}

function decodeBytes(cursor: AvroCursor): Buffer {
  const bytes = cursor.take(cursor.long());
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function decodeLabels(cursor: AvroCursor): Record<string, string> {
  const labels: [string, string][] = [];
  // Each label takes at least two bytes, so that a changed count soon reaches the end.
  for (let count = cursor.long(); count > 0; count = cursor.long())
    for (let rest = count; rest > 0; rest--) labels.push([cursor.text(), cursor.text()]);
  return Object.fromEntries(labels);
}
