// Small records of the archive as objects: one line of JSON. A record of the wrong shape is
// CORRUPT.
import type * as z from 'zod';
import { HayateError } from '../../kernel/error.ts';

/** Encodes a record as one line of JSON. */
export function encodeRecord(record: object): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(record)}\n`);
}

/** Reads a record of `schema` from the object at `key`. Throws CORRUPT if it is not one. */
export function decodeRecord<T>(schema: z.ZodType<T>, bytes: Uint8Array, key: string): T {
  try {
    return schema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
  } catch (cause) {
    throw new HayateError('CORRUPT', `${key} is not a valid record`, { cause });
  }
}
