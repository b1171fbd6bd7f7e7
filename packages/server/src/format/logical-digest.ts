// A digest of what a file says rather than of how it says it: two writers of the same content agree on it even if
// their compressors do not. Every archive object carries its own.
import { createHash } from 'node:crypto';

/** One thing that a digest is of. Strings count as UTF-8; pieces count as if they were joined. */
export type DigestPart = string | Uint8Array | readonly Uint8Array[];

/** SHA-256, in hex, over parts that are each preceded by their length, so that no two lists of parts are taken for one another. */
export function logicalDigest(parts: Iterable<DigestPart>): string {
  const hash = createHash('sha256');
  const length = Buffer.alloc(8);
  for (const part of parts) {
    const pieces = typeof part === 'string' ? [Buffer.from(part, 'utf8')] : part instanceof Uint8Array ? [part] : part;
    length.writeBigUInt64LE(BigInt(pieces.reduce((sum, piece) => sum + piece.length, 0)));
    hash.update(length);
    for (const piece of pieces) hash.update(piece);
  }
  return hash.digest('hex');
}
