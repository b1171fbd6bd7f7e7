// A checksum of a file's own bytes, in its footer. Parquet has no checksum over its footer, and a
// reader of changed bytes may loop or allocate without end, so a whole file is checked before it is
// parsed. The checksum is computed with zeros in its place.
import { createHash } from 'node:crypto';

/** Metadata key of the checksum: the last one in the footer. */
export const SEAL_KEY = 'hayate.sha256';

/** The text in the checksum's place while it is computed. */
export const SEAL_PLACEHOLDER = '0'.repeat(64);

/** Writes the checksum into `bytes`, a file with the placeholder as the value of its last key. */
export function seal(bytes: Uint8Array): void {
  const at = find(bytes);
  if (at === undefined) throw new Error('the file has no place for its checksum');
  bytes.set(Buffer.from(createHash('sha256').update(bytes).digest('hex'), 'latin1'), at);
}

/** Whether the checksum in `bytes` is correct. */
export function isSealed(bytes: Uint8Array): boolean {
  const at = find(bytes);
  if (at === undefined) return false;
  const end = at + SEAL_PLACEHOLDER.length;
  const hash = createHash('sha256').update(bytes.subarray(0, at)).update(SEAL_PLACEHOLDER).update(bytes.subarray(end));
  return hash.digest('hex') === Buffer.from(bytes.subarray(at, end)).toString('latin1');
}

/**
 * The position of the checksum: after its key, the value's type and its length, one byte each
 * (Thrift compact protocol).
 */
function find(bytes: Uint8Array): number | undefined {
  const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).lastIndexOf(SEAL_KEY);
  if (key < 0) return undefined;
  const at = key + SEAL_KEY.length + 2;
  return at + SEAL_PLACEHOLDER.length <= bytes.length ? at : undefined;
}
