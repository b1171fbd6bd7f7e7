// Deletes objects that exceed their retention time, by kind and in whole cuts, oldest first. The
// record is written before every deletion and shows its progress. So a crash leaves no object
// undeleted, and no reader takes a deleted object for a lost one.

import type { Manifest } from '../../archive/layout/manifest.ts';
import { listCuts, readChain } from '../../archive/layout/manifest-chain.ts';
import { hourlyPrefix, manifestKey, type PartitionName, parseAudioKey, parseHourlyKey } from '../../archive/layout/path.ts';
import { OBJECT_KINDS, type ObjectKind, type Retained, writeRetained } from '../../archive/layout/retained.ts';
import { concurrently } from '../../kernel/concurrently.ts';
import type { Store } from '../../store/store.ts';
import { STORE_CONCURRENCY } from '../../store/store-concurrency.ts';

/** Days that each kind is kept; 0: forever. */
export type RetentionDays = Readonly<Record<ObjectKind, number>>;

const DAY_MS = 86_400_000;

interface RetainOptions {
  store: Store;
  name: PartitionName;
  /** As last read; it is written again whenever it changes. */
  retained: Retained;
  days: RetentionDays;
  /** This process's clock, Unix milliseconds. */
  clockMs: number;
  /**
   * A manifest whose offset is committed. Neither it nor an object of its cut or of later cuts is
   * deleted.
   */
  newest: Manifest;
  /**
   * Statistics of this hour and later are not in hourly objects yet, and stay. Unix milliseconds.
   */
  hourMs: number;
  /** Maximum number of cuts of each kind that one call deletes. */
  cutsMax: number;
  /** Called for each object deleted. */
  onDeleted?: (kind: ObjectKind | 'hourly' | 'cuts') => void;
  signal?: AbortSignal;
}

/** The result of a call. */
interface RetainResult {
  retained: Retained;
  /** Whether it stopped at `cutsMax`. */
  more: boolean;
}

/** Deletes objects that are too old, and finishes the deletions of an earlier run. */
export async function deleteAged(options: RetainOptions): Promise<RetainResult> {
  const { store, days } = options;
  let { retained } = options;
  let more = false;
  const write = async (changes: Partial<Retained>) => {
    retained = { ...retained, ...changes };
    await writeRetained(store, retained);
  };
  for (const kind of OBJECT_KINDS) {
    options.signal?.throwIfAborted();
    const mark = days[kind] > 0 ? await findMark(options, kind, retained[kind]) : undefined;
    more ||= mark?.more === true;
    if (mark !== undefined && mark.offset > retained[kind]) await write({ [kind]: mark.offset });
    if (retained.deleted[kind] >= retained[kind]) continue;
    await deleteCuts(options, kind, retained.deleted[kind], retained[kind]);
    await write({ deleted: { ...retained.deleted, [kind]: retained[kind] } });
  }
  const cuts = Math.min(retained.hourly, ...OBJECT_KINDS.map((kind) => retained.deleted[kind]));
  if (cuts > retained.cuts) await write({ cuts });
  await deleteManifests(options, retained.cuts);
  return { retained, more };
}

/** Finds the cut before which everything of the kind is too old. */
async function findMark(
  { store, name, days, clockMs, newest, hourMs, cutsMax }: RetainOptions,
  kind: ObjectKind,
  from: number,
): Promise<{ offset: number; more: boolean }> {
  // The log's own time, which stands still without entries, is a limit too. So a clock that runs
  // ahead deletes no object that is young by the log's time.
  const beforeMs = Math.min(clockMs, newest.state.windowStartMs) - days[kind] * DAY_MS;
  let offset = from;
  let cuts = 0;
  let first = true;
  for await (const { start, state } of readChain(store, name, from)) {
    // A manifest's window is the last one of the cut before it.
    const stays = state.windowStartMs >= beforeMs || (kind === 'statistics' && state.windowStartMs >= hourMs);
    if ((!first && stays) || start > newest.start) break;
    first = false;
    offset = start;
    if (cuts++ === cutsMax) return { offset, more: true };
  }
  return { offset, more: false };
}

/** Deletes the kind's objects of the cuts that begin from `from` to before `to`. */
async function deleteCuts(options: RetainOptions, kind: ObjectKind, from: number, to: number): Promise<void> {
  const { store, name, signal } = options;
  const hours = new Set<string>();
  for await (const { start, previous } of readChain(store, name, from)) {
    if (start > to) break;
    signal?.throwIfAborted();
    if (previous === undefined || previous.start < from) continue;
    const keys = previous.objects.map(({ key }) => key).filter((key) => kindOf(key) === kind);
    await deleteAll(options, kind, keys);
    for (const key of keys) {
      const hour = parseHourlyKey(key);
      if (hour?.folder === 'statistics') hours.add(hourlyPrefix('hourly', name, hour.hourMs));
    }
  }
  for (const prefix of hours) {
    const over: string[] = [];
    for await (const { key } of store.list(prefix)) if ((parseHourlyKey(key)?.end ?? Infinity) <= to) over.push(key);
    await deleteAll(options, 'hourly', over);
  }
}

async function deleteManifests(options: RetainOptions, before: number): Promise<void> {
  const { store, name } = options;
  if (before === 0) return;
  const old: string[] = [];
  for await (const start of listCuts(store, name)) {
    if (start >= before) break;
    old.push(manifestKey(name, start));
  }
  await deleteAll(options, 'cuts', old);
}

async function deleteAll(
  { store, onDeleted, signal }: RetainOptions,
  kind: ObjectKind | 'hourly' | 'cuts',
  keys: readonly string[],
): Promise<void> {
  await concurrently(keys, STORE_CONCURRENCY, async (key) => {
    signal?.throwIfAborted();
    if (await store.delete(key)) onDeleted?.(kind);
  });
}

function kindOf(key: string): ObjectKind | undefined {
  if (parseAudioKey(key) !== undefined) return 'audio';
  const folder = parseHourlyKey(key)?.folder;
  return folder === 'hourly' ? undefined : folder;
}
