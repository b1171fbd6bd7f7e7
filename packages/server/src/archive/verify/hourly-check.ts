// Checks hourly statistics. It takes the rows of a partition's small objects as the walk reads
// them. When the walk leaves an hour, it compares that hour's hourly files with them, part by part.
// It keeps a hash of each part's rows, not the rows.

import { createHash } from 'node:crypto';
import type { Store } from '../../store/store.ts';
import { broadcastKey } from '../layout/broadcast-name.ts';
import { hourlyPrefix, type OffsetRange, type PartitionName, parseHourlyKey } from '../layout/path.ts';
import { readStatistics } from '../read/statistics-reader.ts';
import type { StatisticsRow } from '../row/statistics-row.ts';
import type { DeletionState, RowObject } from './cut-content.ts';
import { errorText, type Report } from './finding.ts';

/** A small object: the offsets that it covers, and a hash of its rows. */
interface Part extends OffsetRange {
  key: string;
  hash: string;
}

interface OpenHour {
  hourMs: number;
  parts: Part[];
}

interface HourlyCheckOptions {
  store: Store;
  name: PartitionName;
  /** The hours before this one are in hourly files; Unix milliseconds. */
  doneBeforeMs: number;
  /** Returns the current records of intended deletions. */
  deletions: () => Promise<DeletionState>;
  report: Report;
  /** Called with each file that belongs to an hour of the walk. */
  onFile: (key: string, size: number) => void;
}

/** Checks the hours of one partition. */
export class HourlyCheck {
  readonly #options: HourlyCheckOptions;
  #hour: OpenHour | undefined;
  /** Whether the hour is incomplete: the first one may have begun before the walk did. */
  #isPartial = true;
  #isNextPartial = false;

  constructor(options: HourlyCheckOptions) {
    this.#options = options;
  }

  /** The walk begins at the start of the log, so the first hour is complete. */
  beginAtFirst(): void {
    this.#isPartial = false;
  }

  /** Takes a statistics object, in log order. */
  async take({ key, name: { hourMs, start, end }, rows }: RowObject<StatisticsRow>): Promise<void> {
    if (this.#hour !== undefined && this.#hour.hourMs !== hourMs) await this.end();
    this.#hour ??= { hourMs, parts: [] };
    this.#hour.parts.push({ key, start, end, hash: hashOf(rows) });
  }

  /** Marks an hour whose content the walk does not know. */
  async skip(hourMs: number): Promise<void> {
    if (this.#hour !== undefined && this.#hour.hourMs !== hourMs) await this.end();
    this.#hour ??= { hourMs, parts: [] };
    this.#isPartial = true;
  }

  /**
   * Call it when a cut is missing: then the walk knows the content of neither this hour nor the
   * next.
   */
  lose(): void {
    this.#isPartial = true;
    this.#isNextPartial = true;
  }

  /** Checks the hour when the walk has left it. */
  async end(): Promise<void> {
    const [hour, isPartial] = [this.#hour, this.#isPartial];
    this.#isPartial = this.#isNextPartial;
    this.#isNextPartial = false;
    this.#hour = undefined;
    if (hour === undefined) return;
    const { store, name, doneBeforeMs, report, onFile } = this.#options;
    const prefix = hourlyPrefix('hourly', name, hour.hourMs);
    let covered = 0;
    for await (const { key, size } of store.list(prefix)) {
      onFile(key, size);
      const file = parseHourlyKey(key);
      if (isPartial || file === undefined) continue;
      const parts = hour.parts.filter(({ start, end }) => start >= file.start && end <= file.end);
      covered += parts.length;
      const isWhole = parts[0]?.start === file.start && parts.at(-1)?.end === file.end;
      const difference = isWhole
        ? ((await this.#differ(key, parts)) && (await this.#differ(key, await this.#again(parts)))) || ''
        : 'others';
      const expected = `the rows of its hour from offset ${file.start} to before ${file.end}`;
      if (difference !== '') report({ rule: 'hourly', key, expected, found: difference });
    }
    if (!isPartial && hour.hourMs < doneBeforeMs && covered < hour.parts.length)
      report({ rule: 'hourly', key: prefix, expected: `files that hold ${hour.parts.length} smaller ones`, found: `${covered} of them` });
  }

  /** Describes the faults of a file; empty if there are none. */
  async #differ(key: string, parts: readonly Part[]): Promise<string> {
    const { erased, erasedWholly } = await this.#options.deletions();
    let rows: StatisticsRow[];
    try {
      rows = await readStatistics(this.#options.store, key);
    } catch (error) {
      return errorText(error);
    }
    if (rows.some((row) => erasedWholly.has(broadcastKey(row)))) return 'rows of an erased broadcast';
    const kept = rows.filter((row) => !erased.has(broadcastKey(row)));
    const all = parts.map(({ start, end }) => kept.filter((row) => row.first_offset >= start && row.last_offset < end));
    const isSame = parts.every(({ hash }, i) => hashOf(all[i] ?? []) === hash) && hashOf(all.flat()) === hashOf(kept);
    return isSame ? '' : 'others';
  }

  /** Reads the parts again: a broadcast may have been erased since they were read. */
  #again(parts: readonly Part[]): Promise<Part[]> {
    return Promise.all(
      parts.map(async (part) => {
        const { erased } = await this.#options.deletions();
        const rows = await readStatistics(this.#options.store, part.key).catch(() => []);
        return { ...part, hash: hashOf(rows.filter((row) => !erased.has(broadcastKey(row)))) };
      }),
    );
  }
}

function hashOf(rows: readonly StatisticsRow[]): string {
  const hash = createHash('sha256');
  for (const row of rows) hash.update(JSON.stringify(Object.entries(row)));
  return hash.digest('hex');
}
