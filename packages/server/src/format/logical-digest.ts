// A digest of what a file says rather than of how it says it: two writers of the same content agree on it even if
// their compressors do not. Every archive object carries its own.
import { createHash } from 'node:crypto';

/**
 * SHA-256, in hex, over parts that are each preceded by their length, so that no two lists of parts are taken for one another.
 * Strings count as UTF-8.
 */
export function logicalDigest(parts: Iterable<string | Uint8Array>): string {
  const hash = createHash('sha256');
  const length = Buffer.alloc(8);
  for (const part of parts) {
    const bytes = typeof part === 'string' ? Buffer.from(part, 'utf8') : part;
    length.writeBigUInt64LE(BigInt(bytes.length));
    hash.update(length).update(bytes);
  }
  return hash.digest('hex');
}
