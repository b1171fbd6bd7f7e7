// Statistics by the hour: the rows of a partition's small objects go in as the walk meets them, hour by hour; an hour that the
// walk has left is compared with the file that gathers it. Keeps a hash of an hour's rows, not the rows.
import { createHash, type Hash } from 'node:crypto';
import type { Store } from '../../store/store.ts';
import { hourlyPrefix, type PartitionName, parseHourlyKey } from '../path.ts';
import { readStatistics } from '../statistics-reader.ts';
import type { StatisticsRow } from '../statistics-row.ts';
import type { RowObject } from './cut-content.ts';
import { errorText, type Report } from './finding.ts';

interface OpenHour {
  hourMs: number;
  start: number;
  end: number;
  hash: Hash;
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

  /** Takes a statistics object, in log order; undefined for one that could not be read. */
  async take(object: RowObject<StatisticsRow>): Promise<void> {
    const { hourMs, start, end } = object.name;
    if (this.#hour !== undefined && this.#hour.hourMs !== hourMs) await this.#close(this.#hour);
    if (this.#hour?.hourMs !== hourMs) this.#hour = { hourMs, start, end, hash: createHash('sha256') };
    this.#hour.end = end;
    add(this.#hour.hash, object.rows);
  }

  /** The walk cannot say what the current hour holds. */
  skip(): void {
    this.#hour = undefined;
    this.#first = true;
  }

  /** The walk is over; the last hour may still be open. */
  async end(): Promise<void> {
    if (this.#hour !== undefined) await this.#close(this.#hour);
  }

  async #close({ hourMs, start, end, hash }: OpenHour): Promise<void> {
    const first = this.#first;
    this.#first = false;
    this.#hour = undefined;
    if (first) return;
    for await (const { key, size } of this.#store.list(hourlyPrefix('hourly', this.#name, hourMs))) {
      const name = parseHourlyKey(key);
      this.objects++;
      this.bytes += size;
      try {
        const rows = createHash('sha256');
        add(rows, await readStatistics(this.#store, key));
        const same = name?.start === start && name.end === end && rows.digest('hex') === hash.copy().digest('hex');
        if (!same)
          this.#report({ rule: 'hourly', key, expected: `the rows of offsets ${start} to before ${end}, in order`, found: 'others' });
      } catch (error) {
        this.#report({ rule: 'hourly', key, expected: 'a statistics object', found: errorText(error) });
      }
    }
  }
}

function add(hash: Hash, rows: readonly StatisticsRow[]): void {
  for (const row of rows) hash.update(JSON.stringify(Object.entries(row)));
}
