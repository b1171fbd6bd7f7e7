// Lists the keys of all statistics of a time span, for callers that read the files themselves. Only
// lists, never reads.

import type { Store } from '../../store/store.ts';
import { HOUR_MS, hourOf } from '../layout/hour.ts';
import { type HourlyFolder, hourPrefix, parseHourlyKey } from '../layout/path.ts';
import { listLogs, type StatisticsObject } from './statistics-hours.ts';

/** Unix milliseconds: from `fromMs` to before `toMs`. */
export interface TimeSpan {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * Returns the objects of every hour that the span touches, with each row in one of them: hourly
 * objects where these exist, else the small ones.
 */
export async function listStatistics(store: Store, span: TimeSpan): Promise<StatisticsObject[]> {
  const found: StatisticsObject[] = [];
  for (const log of await listLogs(store)) {
    const whole: StatisticsObject[] = [];
    for await (const object of listFolder(store, 'hourly', log, span)) whole.push(object);
    const byHour = Map.groupBy(whole, hourName);
    for (const object of whole) found.push(object);
    for await (const object of listFolder(store, 'statistics', log, span)) {
      // An hour may have more than one file, and the last one may not exist yet.
      const isCovered = byHour.get(hourName(object))?.some(({ start, end }) => start <= object.start && object.end <= end);
      if (isCovered !== true) found.push(object);
    }
  }
  return found;
}

async function* listFolder(store: Store, folder: HourlyFolder, log: string, { fromMs, toMs }: TimeSpan): AsyncIterable<StatisticsObject> {
  // Objects of the hour sort after its own prefix.
  for await (const { key } of store.list(`${folder}/${log}/`, hourPrefix(folder, log, hourOf(fromMs)))) {
    const name = parseHourlyKey(key);
    if (name === undefined) continue;
    if (name.hourMs >= toMs) return;
    if (name.hourMs + HOUR_MS > fromMs) yield { ...name, key };
  }
}

function hourName({ hourMs, partition }: StatisticsObject): string {
  return `${hourMs} ${partition}`;
}
