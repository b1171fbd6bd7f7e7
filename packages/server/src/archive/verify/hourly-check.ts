// Statistics by the hour: the rows of a partition's small objects go in as the walk meets them; when the walk has left an hour, the
// files that gather it are held against them, part by part. Keeps a hash of each part's rows, not the rows.
import { createHash } from 'node:crypto';
import type { Store } from '../../store/store.ts';
import { broadcastKey } from '../erasure-record.ts';
import { hourlyPrefix, type OffsetRange, type PartitionName, parseHourlyKey } from '../path.ts';
import { readStatistics } from '../statistics-reader.ts';
import type { StatisticsRow } from '../statistics-row.ts';
import type { Gone, RowObject } from './cut-content.ts';
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

export interface HourlyCheckOptions {
  store: Store;
  name: PartitionName;
  /** The hours before this one are in files of their own; Unix milliseconds. */
  doneBeforeMs: number;
  /** What is meant to be gone, as it is known now. */
  gone: () => Promise<Gone>;
  report: Report;
  /** Called with each file that belongs to an hour of the walk. */
  onFile: (key: string, size: number) => void;
}

/** One partition's hours. */
export class HourlyCheck {
  readonly #options: HourlyCheckOptions;
  #hour: OpenHour | undefined;
  /** The first hour may have begun before the walk did. */
  #isPartial = true;
  #isNextPartial = false;

  constructor(options: HourlyCheckOptions) {
    this.#options = options;
  }

  /** The walk begins where the log did: the first hour is whole. */
  beginAtFirst(): void {
    this.#isPartial = false;
  }

  /** Takes a statistics object, in log order. */
  async take({ key, name: { hourMs, start, end }, rows }: RowObject<StatisticsRow>): Promise<void> {
    if (this.#hour !== undefined && this.#hour.hourMs !== hourMs) await this.end();
    this.#hour ??= { hourMs, parts: [] };
    this.#hour.parts.push({ key, start, end, hash: hashOf(rows) });
  }

  /** The walk cannot say what this hour holds. */
  async skip(hourMs: number): Promise<void> {
    if (this.#hour !== undefined && this.#hour.hourMs !== hourMs) await this.end();
    this.#hour ??= { hourMs, parts: [] };
    this.#isPartial = true;
  }

  /** A cut is missing: the walk can say neither what this hour holds nor what the next one does. */
  lose(): void {
    this.#isPartial = true;
    this.#isNextPartial = true;
  }

  /** The walk has left the hour. */
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

  /** What is wrong with a file; empty if nothing is. */
  async #differ(key: string, parts: readonly Part[]): Promise<string> {
    const { erased, erasedWholly } = await this.#options.gone();
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

  /** The parts as they are now: a broadcast may have been erased since they were read. */
  #again(parts: readonly Part[]): Promise<Part[]> {
    return Promise.all(
      parts.map(async (part) => {
        const { erased } = await this.#options.gone();
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
