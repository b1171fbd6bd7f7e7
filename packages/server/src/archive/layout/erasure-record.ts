// Records of erased broadcasts. A record is written before anything is erased, and completed when
// nothing of the broadcast is left. Records are never deleted: they explain missing rows, and any
// process that rewrites an object removes the broadcasts they name.
import * as z from 'zod';
import type { Store } from '../../store/store.ts';
import { type BroadcastName, broadcastKey } from './broadcast-name.ts';
import { decodeRecord, encodeRecord } from './json-record.ts';
import { erasedKey, erasedPrefix, parseErasedKey } from './path.ts';

const UnixMs = z.int().min(0);

const ErasureRecordSchema = z.strictObject({
  format: z.literal('hayate-erasure-1'),
  stream: z.string(),
  /** 16 hex digits. */
  epoch: z.string().regex(/^[0-9a-f]{16}$/),
  requestedUnixMs: UnixMs,
  /** When nothing of the broadcast was left; absent until then. */
  completedUnixMs: UnixMs.optional(),
  /**
   * How many frames of the broadcast the archive had, by its manifests; written with
   * `completedUnixMs`.
   */
  frames: z.int().min(0).optional(),
});

/** One erased broadcast; see spec/archive.md, "Erasure". */
type ErasureRecord = z.infer<typeof ErasureRecordSchema>;

/** Broadcasts that have a record, in the form of `broadcastKey`. */
export type ErasedSet = ReadonlySet<string>;

/** Reads a record; undefined if there is none. Throws CORRUPT. */
export async function readErasure(store: Store, broadcast: BroadcastName): Promise<ErasureRecord | undefined> {
  const key = erasedKey(broadcast);
  const bytes = await store.get(key);
  return bytes === undefined ? undefined : decodeRecord(ErasureRecordSchema, bytes, key);
}

/**
 * Writes the record of a broadcast that is to be erased. If there was a record already, returns
 * that one, which counts.
 */
export async function requestErasure(store: Store, { stream, epoch }: BroadcastName, nowUnixMs: number): Promise<ErasureRecord> {
  const record: ErasureRecord = { format: 'hayate-erasure-1', stream, epoch, requestedUnixMs: nowUnixMs };
  if (await store.putIfAbsent(erasedKey(record), encodeRecord(record))) return record;
  return (await readErasure(store, record)) ?? record;
}

/** Records that nothing of the broadcast is left. */
export async function completeErasure(
  store: Store,
  record: ErasureRecord,
  done: { completedUnixMs: number; frames: number },
): Promise<void> {
  await store.replace(erasedKey(record), encodeRecord({ ...record, ...done }));
}

/** Returns every broadcast that has a record; of one stream if given. */
export async function listErased(store: Store, stream?: string): Promise<ErasedSet> {
  const erased = new Set<string>();
  for await (const { key } of store.list(erasedPrefix(stream))) {
    const name = parseErasedKey(key);
    if (name !== undefined) erased.add(broadcastKey(name));
  }
  return erased;
}
