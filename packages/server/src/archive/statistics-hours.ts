// Which objects hold an hour's statistics, and which hours have any: found by listing, never by reading. Keys sort by time, so
// the newest hour before a time is found by halving, in a dozen short listings, however long the archive is.
import type { Store } from '../store/store.ts';
import { type HourlyName, hourPrefix, parseHourlyKey } from './path.ts';

/** An hour, milliseconds. */
export const HOUR_MS = 3_600_000;

/** An object of statistics. */
export interface StatisticsObject extends HourlyName {
  key: string;
}

/** The start of the hour in which a time lies; Unix milliseconds. */
export function hourOf(timeMs: number): number {
  return Math.floor(timeMs / HOUR_MS) * HOUR_MS;
}

/** Ids of the logs that have statistics. */
export async function listLogs(store: Store): Promise<string[]> {
  const logs: string[] = [];
  for (let after = ''; ; ) {
    const key = await firstKey(store, 'statistics/', after);
    const log = key?.split('/')[1];
    if (log === undefined) return logs;
    logs.push(log);
    // '~' lies behind all that a key may hold.
    after = `statistics/${log}/~`;
  }
}

/** The objects that hold the rows of one hour, each row once: by the hour where that has been made, else one by one. */
export async function listHour(store: Store, logs: readonly string[], hourMs: number): Promise<StatisticsObject[]> {
  const found: StatisticsObject[] = [];
  for (const log of logs) {
    const whole = await objectsOf(store, hourPrefix('hourly', log, hourMs));
    const single = await objectsOf(store, hourPrefix('statistics', log, hourMs));
    // An hour may have more than one file, of which the last may not be made yet.
    const isCovered = ({ partition, start, end }: StatisticsObject) =>
      whole.some((object) => object.partition === partition && object.start <= start && end <= object.end);
    found.push(...whole, ...single.filter((object) => !isCovered(object)));
  }
  return found;
}

/** The newest hour that begins before `beforeMs` and has statistics; undefined if there is none. Unix milliseconds. */
export async function newestHour(store: Store, logs: readonly string[], beforeMs: number): Promise<number | undefined> {
  const hours = await Promise.all(logs.map((log) => newestHourOfLog(store, log, beforeMs)));
  return hours.reduce((a, b) => (a === undefined || (b !== undefined && b > a) ? b : a), undefined);
}

async function newestHourOfLog(store: Store, log: string, beforeMs: number): Promise<number | undefined> {
  const prefix = `statistics/${log}/`;
  const hourFrom = async (hourMs: number) => {
    const key = await firstKey(store, prefix, hourPrefix('statistics', log, hourMs));
    return key === undefined ? undefined : parseHourlyKey(key)?.hourMs;
  };
  let newest = await hourFrom(0);
  if (newest === undefined || newest >= beforeMs) return undefined;
  // Often the hour before is there.
  let end = hourOf(beforeMs - 1) + HOUR_MS;
  for (let probe = end - HOUR_MS; newest < end - HOUR_MS; probe = hourOf((newest + end) / 2)) {
    const found = await hourFrom(probe);
    if (found === undefined || found >= end) end = probe;
    else newest = found;
  }
  return newest;
}

async function firstKey(store: Store, prefix: string, after: string): Promise<string | undefined> {
  for await (const { key } of store.list(prefix, after)) return key;
  return undefined;
}

async function objectsOf(store: Store, prefix: string): Promise<StatisticsObject[]> {
  const objects: StatisticsObject[] = [];
  for await (const { key } of store.list(prefix)) {
    const name = parseHourlyKey(key);
    if (name !== undefined) objects.push({ ...name, key });
  }
  return objects;
}
