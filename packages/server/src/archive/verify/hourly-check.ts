// Statistics by the hour: the rows of a partition's small objects go in as the walk meets them; when the walk has left an hour, the
// files that gather it are held against them, part by part. Keeps a hash of each part's rows, not the rows.
import { createHash } from 'node:crypto';
import type { Store } from '../../store/store.ts';
import { hourlyPrefix, type OffsetRange, type PartitionName, parseHourlyKey } from '../path.ts';
import { readStatistics } from '../statistics-reader.ts';
import type { StatisticsRow } from '../statistics-row.ts';
import type { RowObject } from './cut-content.ts';
import { errorText, type Report } from './finding.ts';

/** A small object: the offsets that it covers, and a hash of its rows. */
interface Part extends OffsetRange {
  rows: string;
}

interface OpenHour {
  hourMs: number;
  parts: Part[];
}

/** One partition's hours. */
export class HourlyCheck {
  readonly #store: Store;
  readonly #name: PartitionName;
  readonly #report: Report;
  #hour: OpenHour | undefined;
  /** The first hour may have begun before the oldest manifest kept. */
  #first = true;
  objects = 0;
  bytes = 0;

  constructor(store: Store, name: PartitionName, report: Report) {
    this.#store = store;
    this.#name = name;
    this.#report = report;
  }

  /** The walk begins where the log did: the first hour is whole. */
  beginAtFirst(): void {
    this.#first = false;
  }

  /** Takes a statistics object, in log order. */
  async take({ name: { hourMs, start, end }, rows }: RowObject<StatisticsRow>): Promise<void> {
    if (this.#hour !== undefined && this.#hour.hourMs !== hourMs) await this.end();
    this.#hour ??= { hourMs, parts: [] };
    this.#hour.parts.push({ start, end, rows: hashOf(rows) });
  }

  /** The walk cannot say what the current hour holds. */
  skip(): void {
    this.#hour = undefined;
    this.#first = true;
  }

  /** The walk has left the hour. */
  async end(): Promise<void> {
    const [hour, first] = [this.#hour, this.#first];
    this.#first = false;
    this.#hour = undefined;
    if (hour === undefined || first) return;
    for await (const { key, size } of this.#store.list(hourlyPrefix('hourly', this.#name, hour.hourMs))) {
      this.objects++;
      this.bytes += size;
      try {
        await this.#compare(key, hour.parts);
      } catch (error) {
        this.#report({ rule: 'hourly', key, expected: 'a statistics object', found: errorText(error) });
      }
    }
  }

  async #compare(key: string, all: readonly Part[]): Promise<void> {
    const name = parseHourlyKey(key);
    if (name === undefined) return this.#report({ rule: 'hourly', key, expected: 'a key of the archive', found: 'another' });
    const rows = await readStatistics(this.#store, key);
    const parts = all.filter(({ start, end }) => start >= name.start && end <= name.end);
    const whole = parts[0]?.start === name.start && parts.at(-1)?.end === name.end;
    const counted = new Set<StatisticsRow>();
    const same = parts.every((part) => {
      const own = rows.filter((row) => row.first_offset >= part.start && row.last_offset < part.end);
      for (const row of own) counted.add(row);
      return hashOf(own) === part.rows;
    });
    if (!whole || !same || counted.size !== rows.length)
      this.#report({
        rule: 'hourly',
        key,
        expected: `the rows of its hour from offset ${name.start} to before ${name.end}`,
        found: 'others',
      });
  }
}

function hashOf(rows: readonly StatisticsRow[]): string {
  const hash = createHash('sha256');
  for (const row of rows) hash.update(JSON.stringify(Object.entries(row)));
  return hash.digest('hex');
}
