// Finds the objects that hold an hour's statistics, and the hours that have any, by listing and
// without reading. Keys sort by time, so a binary search of a dozen short listings finds the newest
// hour before a time, however long the archive is.
import { firstKey } from '../../store/first-key.ts';
import type { Store } from '../../store/store.ts';
import { HOUR_MS, hourOf } from '../layout/hour.ts';
import { type HourlyName, hourPrefix, parseHourlyKey } from '../layout/path.ts';

/** An object of statistics. */
export interface StatisticsObject extends HourlyName {
  key: string;
}

/** Returns the ids of the logs that have statistics. */
export async function listLogs(store: Store): Promise<string[]> {
  const logs: string[] = [];
  for (let after = ''; ; ) {
    const key = await firstKey(store, 'statistics/', after);
    const log = key?.split('/')[1];
    if (log === undefined) return logs;
    logs.push(log);
    // '~' sorts after every character of a key.
    after = `statistics/${log}/~`;
  }
}

/**
 * Returns the objects that hold the rows of one hour, each row once: hourly objects where these
 * exist, else the small ones.
 */
export async function listHour(store: Store, logs: readonly string[], hourMs: number): Promise<StatisticsObject[]> {
  const found: StatisticsObject[] = [];
  for (const log of logs) {
    const whole = await objectsOf(store, hourPrefix('hourly', log, hourMs));
    const single = await objectsOf(store, hourPrefix('statistics', log, hourMs));
    // An hour may have more than one file, and the last one may not exist yet.
    const isCovered = ({ partition, start, end }: StatisticsObject) =>
      whole.some((object) => object.partition === partition && object.start <= start && end <= object.end);
    found.push(...whole, ...single.filter((object) => !isCovered(object)));
  }
  return found;
}

/**
 * Returns the newest hour that begins before `beforeMs` and has statistics; undefined if there is
 * none. Unix milliseconds.
 */
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
  // Often the hour just before has statistics.
  let end = hourOf(beforeMs - 1) + HOUR_MS;
  for (let probe = end - HOUR_MS; newest < end - HOUR_MS; probe = hourOf((newest + end) / 2)) {
    const found = await hourFrom(probe);
    if (found === undefined || found >= end) end = probe;
    else newest = found;
  }
  return newest;
}

async function objectsOf(store: Store, prefix: string): Promise<StatisticsObject[]> {
  const objects: StatisticsObject[] = [];
  for await (const { key } of store.list(prefix)) {
    const name = parseHourlyKey(key);
    if (name !== undefined) objects.push({ ...name, key });
  }
  return objects;
}
