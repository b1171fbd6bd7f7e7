// A partition's retention record: the objects deleted for their age, and the hours of statistics
// that are compacted. It is written before anything is deleted, so that a reader who misses an
// object can see that the deletion was intended.
import * as z from 'zod';
import type { Store } from '../../store/store.ts';
import { decodeRecord, encodeRecord } from './json-record.ts';
import { type PartitionName, retainedKey } from './path.ts';

/** The kinds of objects that a cut writes, each of which has its own retention time. */
export const OBJECT_KINDS = ['frames', 'marks', 'audio', 'statistics'] as const;
export type ObjectKind = (typeof OBJECT_KINDS)[number];

const Offset = z.int().min(0);
const ByKind = { frames: Offset, marks: Offset, audio: Offset, statistics: Offset };

const RetainedSchema = z.strictObject({
  format: z.literal('hayate-retained-1'),
  log: z.string(),
  partition: Offset,
  /**
   * Objects of the kind that belong to cuts beginning before this offset are gone, or about to be.
   */
  ...ByKind,
  /** The same for manifests. */
  cuts: Offset,
  /**
   * Objects of cuts before this one are deleted. If it is less than the offset above, deleting
   * continues from here.
   */
  deleted: z.strictObject(ByKind),
  /** Start of a cut: the hours before its manifest's `windowStartMs` are in `hourly` objects. */
  hourly: Offset,
});

/** One partition's record; see spec/archive.md, "Retention". */
export type Retained = z.infer<typeof RetainedSchema>;

/** The record of a partition of which everything is kept. */
export function everythingRetained({ log, partition }: PartitionName): Retained {
  const none = { frames: 0, marks: 0, audio: 0, statistics: 0 };
  return { format: 'hayate-retained-1', log, partition, ...none, cuts: 0, deleted: none, hourly: 0 };
}

/**
 * Reads a partition's record. If there is none, returns the record of a partition of which
 * everything is kept. Throws CORRUPT.
 */
export async function readRetained(store: Store, name: PartitionName): Promise<Retained> {
  const key = retainedKey(name);
  const bytes = await store.get(key);
  return bytes === undefined ? everythingRetained(name) : decodeRecord(RetainedSchema, bytes, key);
}

/** Writes a partition's record, durably. */
export async function writeRetained(store: Store, retained: Retained): Promise<void> {
  await store.replace(retainedKey(retained), encodeRecord(retained));
}
