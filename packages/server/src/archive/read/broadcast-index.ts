// Lists past broadcasts by time, newest first and page by page, from the statistics alone. The
// summary of an object is cached, because objects do not change except by erasure, which is checked
// at each listing. A listing reads a bounded number of hours and rows, and says where the next page
// continues.

import { epochFromText, epochStartedMs, epochText, mintEpoch } from '@hayate/protocol';
import type { Store } from '../../store/store.ts';
import { type BroadcastName, broadcastKey, compareBroadcasts } from '../layout/broadcast-name.ts';
import { listErased, readErasure } from '../layout/erasure-record.ts';
import { HOUR_MS, hourOf } from '../layout/hour.ts';
import type { PartitionName } from '../layout/path.ts';
import { type Retained, readRetained } from '../layout/retained.ts';
import { type BroadcastSummary, joinSummaries, summarise } from './broadcast-summary.ts';
import { listHour, listLogs, newestHour, type StatisticsObject } from './statistics-hours.ts';

/** A past broadcast. */
export interface PastBroadcast extends BroadcastSummary {
  /** When its epoch was minted, Unix milliseconds. */
  startedMs: number;
  durationMs: number;
  /**
   * Whether the archive still holds its end: retention may keep frames for a shorter time than
   * statistics.
   */
  isReplayable: boolean;
}

interface ListOptions {
  /** Broadcasts that began at this time or later, Unix milliseconds. */
  fromMs: number;
  /** Broadcasts that began before this time, Unix milliseconds. */
  toMs: number;
  limit: number;
  /** The `next` of the previous page. */
  after?: string;
  /** Whether the broadcasts of `stream` are listed. */
  includes: (stream: string) => boolean;
}

/** A page of broadcasts. */
interface BroadcastPage {
  broadcasts: PastBroadcast[];
  /** Continues after this page, which may be empty; undefined at the end. */
  next: string | undefined;
}

/** Limits of one listing: hours searched, and rows read of objects that are not cached. */
const HOURS_MAX = 48;
const ROWS_MAX = 500_000;
/** The number of hours over which a broadcast is followed. */
export const BROADCAST_HOURS_MAX = 72;
/** Number of objects whose summaries are cached. */
const KNOWN_MAX = 2_048;
/** How long the changing facts are cached: the list of logs, and the retention records. */
const REFRESH_MS = 5_000;
/**
 * A capture time further than this after the last append is a broken clock, not a longer broadcast.
 */
const CLOCK_SLACK_MS = 600_000;

/** Finds broadcasts in one archive. */
export class BroadcastIndex {
  readonly #store: Store;
  readonly #now: () => number;
  readonly #known = new Map<string, Promise<{ rows: number; broadcasts: BroadcastSummary[] }>>();
  readonly #retained = new Map<string, { record: Promise<Retained>; atMs: number }>();
  #logs: { names: Promise<string[]>; atMs: number } | undefined;

  /** `now` gives Unix milliseconds. */
  constructor(store: Store, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  /** Returns a page of broadcasts, newest first. Throws CORRUPT if an object cannot be read. */
  async list(options: ListOptions): Promise<BroadcastPage> {
    const logs = await this.#logNames();
    const erased = await listErased(this.#store);
    const begin = startOf(options);
    const found: PastBroadcast[] = [];
    const budget = { rows: ROWS_MAX };
    let home = hourOf(begin.ms);
    for (let hours = 0; hours < HOURS_MAX && budget.rows > 0; hours++, home -= HOUR_MS) {
      // Rows of a broadcast may begin in the hour after the one in which its epoch was minted.
      const newest = await newestHour(this.#store, logs, home + 2 * HOUR_MS);
      if (newest === undefined) return { broadcasts: found, next: undefined };
      home = Math.min(home, newest);
      if (home + HOUR_MS <= options.fromMs) return { broadcasts: found, next: undefined };
      const all = await this.#begunIn(logs, home, budget, (name) => {
        const startedMs = startedMsOf(name);
        return (
          startedMs >= options.fromMs &&
          startedMs < options.toMs &&
          comesBefore(name, begin.name) &&
          options.includes(name.stream) &&
          !erased.has(broadcastKey(name))
        );
      });
      for (const summary of all.toSorted((a, b) => (comesBefore(b, a) ? -1 : 1))) {
        if (summary.frames === 0) continue;
        if (found.length === options.limit) return { broadcasts: found, next: tokenOf(found.at(-1)) };
        found.push(await this.#past(summary));
      }
    }
    return { broadcasts: found, next: `${epochText(mintEpoch(home + HOUR_MS, 0))}.` };
  }

  /**
   * Returns one broadcast; undefined if the archive has none of this name, or it was erased. Throws
   * CORRUPT.
   */
  async find(name: BroadcastName): Promise<PastBroadcast | undefined> {
    if ((await readErasure(this.#store, name)) !== undefined) return undefined;
    const home = hourOf(startedMsOf(name));
    const isIt = (other: BroadcastName) => other.stream === name.stream && other.epoch === name.epoch;
    const [summary] = await this.#begunIn(await this.#logNames(), home, { rows: 0 }, isIt);
    return summary === undefined ? undefined : this.#past(summary);
  }

  /** The hour's objects in which a broadcast of the log and partition has rows. */
  async objectsWith(name: BroadcastName, hourMs: number): Promise<StatisticsObject[]> {
    const objects = await listHour(this.#store, await this.#logNames(), hourMs);
    const summaries = await Promise.all(objects.map((object) => this.#summary(object)));
    const has = (index: number) => summaries[index]?.broadcasts.some(({ stream, epoch }) => stream === name.stream && epoch === name.epoch);
    return objects.filter((_, index) => has(index) === true);
  }

  /**
   * Returns the broadcasts whose epochs were minted in the hour, summed over all hours in which
   * they have rows.
   */
  async #begunIn(
    logs: readonly string[],
    homeMs: number,
    budget: { rows: number },
    includes: (name: BroadcastName) => boolean,
  ): Promise<BroadcastSummary[]> {
    const begun = new Map<string, BroadcastSummary>();
    for (let hour = 0; hour < BROADCAST_HOURS_MAX; hour++) {
      let goesOn = hour === 0;
      for (const object of await listHour(this.#store, logs, homeMs + hour * HOUR_MS)) {
        const isNew = !this.#known.has(object.key);
        const { rows, broadcasts } = await this.#summary(object);
        if (isNew) budget.rows -= rows;
        for (const summary of broadcasts) {
          if (hourOf(startedMsOf(summary)) !== homeMs || !includes(summary)) continue;
          const key = broadcastKey(summary);
          const before = begun.get(key);
          begun.set(key, before === undefined ? summary : joinSummaries(before, summary));
          goesOn = true;
        }
      }
      if (!goesOn) break;
    }
    return [...begun.values()];
  }

  #summary({ key }: StatisticsObject): Promise<{ rows: number; broadcasts: BroadcastSummary[] }> {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const summary = summarise(this.#store, key);
    this.#known.set(key, summary);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= KNOWN_MAX) break;
      this.#known.delete(oldest);
    }
    // A read that failed is tried again at the next listing.
    summary.catch(() => this.#known.delete(key));
    return summary;
  }

  async #past(summary: BroadcastSummary): Promise<PastBroadcast> {
    const startedMs = startedMsOf(summary);
    const retained = await this.#retainedOf(summary);
    const durationMs = Math.min(Math.ceil((summary.lastCaptureUs + 1) / 1000), summary.lastAppendMs - startedMs + CLOCK_SLACK_MS);
    return { ...summary, startedMs, durationMs: Math.max(0, durationMs), isReplayable: summary.lastOffset >= retained.frames };
  }

  #retainedOf({ log, partition }: PartitionName): Promise<Retained> {
    const key = `${log}/${partition}`;
    let held = this.#retained.get(key);
    if (held === undefined || this.#now() - held.atMs > REFRESH_MS) {
      held = { record: readRetained(this.#store, { log, partition }), atMs: this.#now() };
      this.#retained.set(key, held);
      held.record.catch(() => this.#retained.delete(key));
    }
    return held.record;
  }

  #logNames(): Promise<string[]> {
    if (this.#logs === undefined || this.#now() - this.#logs.atMs > REFRESH_MS) {
      const names = listLogs(this.#store);
      this.#logs = { names, atMs: this.#now() };
      names.catch(() => {
        this.#logs = undefined;
      });
    }
    return this.#logs.names;
  }
}

/** When a broadcast began, Unix milliseconds. */
function startedMsOf({ epoch }: BroadcastName): number {
  return epochStartedMs(epochFromText(epoch) ?? 0n);
}

/**
 * Whether `a` is listed after `b`: it began earlier, or at the same time under a name that sorts
 * first.
 */
function comesBefore(a: BroadcastName, b: BroadcastName): boolean {
  return a.epoch === b.epoch ? compareBroadcasts(a, b) < 0 : a.epoch < b.epoch;
}

function tokenOf(last: BroadcastName | undefined): string {
  return last === undefined ? '' : `${last.epoch}.${last.stream}`;
}

/** Where a listing begins: a time, and a name that every listed broadcast sorts before. */
function startOf({ toMs, after }: ListOptions): { ms: number; name: BroadcastName } {
  const [epoch = '', stream = ''] = after?.split('.') ?? [];
  const minted = epochFromText(epoch);
  if (minted === undefined) return { ms: toMs, name: { epoch: '~', stream: '' } };
  return { ms: Math.min(toMs, epochStartedMs(minted)), name: { epoch, stream } };
}
