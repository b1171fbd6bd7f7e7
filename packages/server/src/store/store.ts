// The seam between the archiver and the place where objects are kept. Objects are written once,
// whole, and never change except by erasure.

import { HayateError } from '../kernel/error.ts';

/** The longest key, in characters, that every adapter can hold. */
export const KEY_LENGTH_MAX = 1024;

/** An object in a listing. */
export interface StoredObject {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
}

/** The state of an object, as `head` returns it. */
export interface ObjectState extends StoredObject {
  /** Differs from every other state of the key: 1 to 128 characters of [A-Za-z0-9_.:+/=-]. */
  readonly version: string;
  /** When this state was written, Unix milliseconds; whole seconds for some services. */
  readonly modifiedMs: number;
}

/** The part of an object to read. */
export interface ReadRange {
  readonly offset: number;
  readonly length: number;
  /** Read only the state with this version. */
  readonly version?: string;
}

/**
 * An object store. Keys are relative paths of segments [A-Za-z0-9_=.-]+ joined by '/'; '.' and '..'
 * are refused. Adapters: fs/, s3/, gcs/.
 */
export interface Store {
  /**
   * Writes the object and resolves to true if the key is free. If it is taken, whatever its bytes,
   * resolves to false and changes nothing. When it resolves, the object is durable, and it was
   * never visible in part.
   */
  putIfAbsent(key: string, bytes: Uint8Array): Promise<boolean>;
  /**
   * The object's bytes, or `length` of them from `offset`; fewer where the object ends earlier.
   * Undefined if there is no such object, or if it no longer has the version of the range.
   */
  get(key: string, range?: ReadRange): Promise<Uint8Array | undefined>;
  /**
   * Writes the object, whether its key is free or taken; durable and never visible in part, as with
   * putIfAbsent. Used only to erase content on demand, and for records of deletions. Nothing else
   * changes an object.
   */
  replace(key: string, bytes: Uint8Array): Promise<void>;
  head(key: string): Promise<ObjectState | undefined>;
  /**
   * Objects whose keys begin with `prefix`, in ascending byte order of their keys; only keys after
   * `after` (any text) if it is given.
   */
  list(prefix: string, after?: string): AsyncIterable<StoredObject>;
  /** True if the object existed. When it resolves, the object is durably gone, in either case. */
  delete(key: string): Promise<boolean>;
  close(): Promise<void>;
}

/** Whether `text` can be one segment of a key. */
export function isKeySegment(text: string): boolean {
  return /^[A-Za-z0-9_=.-]{1,255}$/.test(text) && text !== '.' && text !== '..';
}

/** Throws BAD_REQUEST unless `key` has the form that Store requires. */
export function checkKey(key: string): void {
  if (key.length > KEY_LENGTH_MAX || !key.split('/').every(isKeySegment))
    throw new HayateError('BAD_REQUEST', `not an object key: ${JSON.stringify(key.slice(0, 200))}`);
}
