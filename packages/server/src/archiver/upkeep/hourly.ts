// Compacts the statistics of each past hour into one file, with the rows unchanged. The result
// depends only on names and digests in manifests, so every process makes the same file, whatever
// was erased in between.

import { setImmediate as giveWay } from 'node:timers/promises';
import { eraseFromStatistics } from '../../archive/erase/erasure-object.ts';
import { listErased } from '../../archive/layout/erasure-record.ts';
import { hourOf } from '../../archive/layout/hour.ts';
import type { Manifest } from '../../archive/layout/manifest.ts';
import { readChain } from '../../archive/layout/manifest-chain.ts';
import { type HourlyName, hourlyKey, type PartitionName, parseHourlyKey } from '../../archive/layout/path.ts';
import { readStatistics } from '../../archive/read/statistics-reader.ts';
import { STATISTICS_TABLE, type StatisticsRow } from '../../archive/row/statistics-row.ts';
import { logicalDigest } from '../../format/logical-digest.ts';
import { ParquetFileWriter, readParquetMetadata } from '../../format/parquet/index.ts';
import { HayateError } from '../../kernel/error.ts';
import type { Store } from '../../store/store.ts';

/** Metadata key of the digest of the parts' digests. */
const PARTS_KEY = 'hayate.parts';

/**
 * Maximum number of offsets that one hourly object covers: a row needs at least one entry, usually
 * fifty.
 */
const OFFSETS_MAX = 2 ** 22;

/** Minimum number of rows in a row group. */
const GROUP_ROWS = 8_192;

/** One statistics object. */
interface Part extends HourlyName {
  key: string;
  digest: string;
}

interface CompactOptions {
  store: Store;
  name: PartitionName;
  /** Start of a cut: the hours before its manifest's hour are done. */
  from: number;
  /** Called with the next start whenever all hours before it are durable. */
  advance: (from: number) => Promise<void>;
  /** Maximum number of steps of one call. */
  stepsMax: number;
  signal?: AbortSignal;
}

/** The progress of compaction. */
interface Compacted {
  /** Start of the first hour that is not done, Unix milliseconds. */
  hourMs: number;
  /** Number of objects made. */
  made: number;
  /** Whether it stopped at `stepsMax`. */
  more: boolean;
}

/**
 * Compacts every hour that is over by the partition's manifests. Throws CONFLICT, CORRUPT, and
 * NOT_FOUND for a part that is missing.
 */
export async function compactHours({ store, name, from, advance, stepsMax, signal }: CompactOptions): Promise<Compacted> {
  const done: Compacted = { hourMs: 0, made: 0, more: false };
  let first = true;
  let parts: Part[] = [];
  let steps = 0;
  for await (const manifest of readChain(store, name, from)) {
    signal?.throwIfAborted();
    const hourMs = hourOf(manifest.state.windowStartMs);
    if (first) done.hourMs = hourMs;
    first = false;
    parts.push(...statisticsOf(manifest).filter((part) => part.hourMs >= done.hourMs));
    if (hourMs === done.hourMs) continue;
    const over = parts.filter((part) => part.hourMs < hourMs);
    for (const run of splitParts(over)) done.made += (await compact(store, name, run, signal)) ? 1 : 0;
    parts = parts.filter((part) => part.hourMs >= hourMs);
    done.hourMs = hourMs;
    await advance(manifest.start);
    done.more = ++steps === stepsMax;
    if (done.more) break;
  }
  return done;
}

/** Returns the statistics objects of the cut before a manifest, in order. */
function statisticsOf({ previous }: Manifest): Part[] {
  return (previous?.objects ?? []).flatMap(({ key, digest }) => {
    const name = parseHourlyKey(key);
    return name?.folder === 'statistics' ? [{ ...name, key, digest }] : [];
  });
}

/** Splits one hour's parts into runs, each of which becomes an object. */
function splitParts(parts: readonly Part[]): Part[][] {
  const runs: Part[][] = [];
  for (const part of parts) {
    const run = runs.at(-1);
    const begun = run?.[0];
    if (begun === undefined || begun.hourMs !== part.hourMs || part.end - begun.start > OFFSETS_MAX) runs.push([part]);
    else run?.push(part);
  }
  return runs;
}

/** Makes an hourly object. Returns whether there was no such object yet. */
async function compact(store: Store, name: PartitionName, parts: readonly Part[], signal: AbortSignal | undefined): Promise<boolean> {
  const [first, last] = [parts[0], parts.at(-1)];
  if (first === undefined || last === undefined) return false;
  const key = hourlyKey('hourly', name, first.hourMs, { start: first.start, end: last.end });
  const partsDigest = logicalDigest([JSON.stringify(parts.map(({ digest }) => digest))]);
  let made = false;
  if ((await store.head(key)) === undefined) {
    const metadata = {
      'hayate.log': name.log,
      'hayate.partition': String(name.partition),
      'hayate.start': String(first.start),
      'hayate.end': String(last.end),
      [PARTS_KEY]: partsDigest,
    };
    made = await store.putIfAbsent(key, await concatenate(store, parts, metadata, signal));
  }
  // Check a new object too: an erasure may have begun after the parts were read and ended before
  // the object was written.
  const bytes = await store.get(key);
  if (bytes === undefined) throw new HayateError('NOT_FOUND', `${key} existed, and was then deleted`);
  if (readParquetMetadata(bytes)[PARTS_KEY] !== partsDigest) throw new HayateError('CONFLICT', `${key} was made from other statistics`);
  const left = await eraseFromStatistics(key, bytes, await listErased(store));
  if (left !== undefined) await store.replace(key, left);
  return made;
}

async function concatenate(
  store: Store,
  parts: readonly Part[],
  metadata: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const writer = new ParquetFileWriter(STATISTICS_TABLE);
  let rows: StatisticsRow[] = [];
  for (const { key } of parts) {
    signal?.throwIfAborted();
    rows.push(...(await readStatistics(store, key)));
    if (rows.length >= GROUP_ROWS) writer.add(rows.splice(0));
    await giveWay();
  }
  writer.add(rows);
  rows = [];
  return writer.end(metadata).bytes;
}
