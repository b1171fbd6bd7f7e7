// A digest of a file's content rather than its bytes: two writers of the same content get the same
// digest even if their compressors differ. Every archive object carries its digest.
import { createHash } from 'node:crypto';

/**
 * Small parts are gathered up to this many bytes before they are hashed: one hash call costs as
 * much as hashing a few hundred bytes.
 */
const GATHERED_BYTES = 16_384;

const LENGTH_BYTES = 8;

/**
 * SHA-256, in hex, over parts that are each preceded by their length, so that different lists of
 * parts never give the same input. Strings count as UTF-8.
 */
export function logicalDigest(parts: Iterable<string | Uint8Array>): string {
  const hash = createHash('sha256');
  const gathered = Buffer.allocUnsafe(GATHERED_BYTES);
  let used = 0;
  const flush = (): void => {
    hash.update(gathered.subarray(0, used));
    used = 0;
  };
  for (const part of parts) {
    const bytes = typeof part === 'string' ? Buffer.from(part, 'utf8') : part;
    if (used + LENGTH_BYTES + bytes.length > GATHERED_BYTES) flush();
    gathered.writeUInt32LE(bytes.length % 2 ** 32, used);
    gathered.writeUInt32LE(Math.floor(bytes.length / 2 ** 32), used + 4);
    used += LENGTH_BYTES;
    if (used + bytes.length > GATHERED_BYTES) {
      flush();
      hash.update(bytes);
    } else {
      gathered.set(bytes, used);
      used += bytes.length;
    }
  }
  flush();
  return hash.digest('hex');
}
