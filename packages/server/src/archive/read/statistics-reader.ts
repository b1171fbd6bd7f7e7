// Reads and checks the rows of a statistics or hourly object: the bytes, the digest, the order, and
// that the rows belong to the partition and offsets in the object's key and metadata.
import { ParquetError, readParquet } from '../../format/parquet/index.ts';
import { HayateError } from '../../kernel/error.ts';
import type { Store } from '../../store/store.ts';
import { compareBroadcasts } from '../layout/broadcast-name.ts';
import { digits } from '../layout/path.ts';
import { STATISTICS_TABLE, type StatisticsRow } from '../row/statistics-row.ts';

/**
 * Reads a statistics or hourly object's rows, sorted by window and, within a cut, by stream and
 * epoch. Throws CORRUPT, NOT_FOUND if there is no such object.
 */
export async function readStatistics(store: Store, key: string): Promise<StatisticsRow[]> {
  const bytes = await store.get(key);
  if (bytes === undefined) throw new HayateError('NOT_FOUND', `there is no ${key}`);
  return decodeStatistics(key, bytes);
}

/** Reads the rows of a statistics or hourly object's bytes. Throws CORRUPT. */
export async function decodeStatistics(key: string, bytes: Uint8Array): Promise<StatisticsRow[]> {
  try {
    const { metadata, rows } = await readParquet(STATISTICS_TABLE, bytes);
    check(key, metadata, rows);
    return rows;
  } catch (cause) {
    if (!(cause instanceof ParquetError)) throw cause;
    throw new HayateError('CORRUPT', `${key} is not a statistics object: ${cause.message}`, { cause });
  }
}

function check(key: string, metadata: Readonly<Record<string, string>>, rows: readonly StatisticsRow[]): void {
  const { 'hayate.log': log, 'hayate.partition': partition } = metadata;
  const [start, end] = [Number(metadata['hayate.start']), Number(metadata['hayate.end'])];
  if (!key.endsWith(`/p=${partition?.padStart(3, '0')}/${digits(start)}-${digits(end)}.parquet`) || key.split('/')[1] !== log)
    throw new ParquetError('it belongs to another key');
  for (const [i, row] of rows.entries()) {
    const within = row.first_offset >= start && row.last_offset < end && row.first_offset <= row.last_offset;
    if (!within || row.log !== log || row.partition !== Number(partition)) throw new ParquetError('a row does not belong here');
    const previous = rows[i - 1];
    // An hourly object has a window twice if a cut ended in it.
    const ascends =
      previous === undefined || (key.startsWith('hourly/') ? previous.window_start <= row.window_start : order(previous, row) < 0);
    if (!ascends) throw new ParquetError('the rows are out of order');
  }
}

function order(a: StatisticsRow, b: StatisticsRow): number {
  return a.window_start - b.window_start || compareBroadcasts(a, b);
}
