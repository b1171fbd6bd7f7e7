// The seam between the archiver and where objects are kept. Objects are written once, whole, and never changed, but by erasure.

import { HayateError } from '../kernel/error.ts';

/** Longest key, characters: what every adapter can hold. */
export const KEY_LENGTH_MAX = 1024;

/** What `list` tells of an object. */
export interface StoredObject {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
}

/** What `head` tells of an object. */
export interface ObjectState extends StoredObject {
  /** Differs from every other state that the key has had: 1 to 128 characters of [A-Za-z0-9_.:+/=-]. */
  readonly version: string;
  /** When this state was written, Unix milliseconds; whole seconds where the service counts these. */
  readonly modifiedMs: number;
}

/** Which part of an object is read. */
export interface ReadRange {
  readonly offset: number;
  readonly length: number;
  /** Only of the state that has this version. */
  readonly version?: string;
}

/** An object store. Keys are relative paths of segments [A-Za-z0-9_=.-]+ joined by '/'; '.' and '..' are refused. Adapters: store-fs.ts, store-s3.ts, store-gcs.ts. */
export interface Store {
  /**
   * Writes the object if the key is free: true. If it is taken, by whatever bytes: false, and nothing is changed.
   * When it resolves, the object is durable, and was at no time visible in part.
   */
  putIfAbsent(key: string, bytes: Uint8Array): Promise<boolean>;
  /**
   * The object's bytes, or `length` of them from `offset`, fewer where it ends before. Undefined if there is no such object, or
   * if it is no longer of the version that the range names.
   */
  get(key: string, range?: ReadRange): Promise<Uint8Array | undefined>;
  /**
   * Writes the object, whether its key is taken or not; durable and never visible in part, as by putIfAbsent. For what must be
   * taken out of objects on demand, and for records of what has been deleted. Nothing else changes an object.
   */
  replace(key: string, bytes: Uint8Array): Promise<void>;
  head(key: string): Promise<ObjectState | undefined>;
  /** Objects whose keys begin with `prefix`, in ascending order of their keys' bytes, those after `after` (any text) if given. */
  list(prefix: string, after?: string): AsyncIterable<StoredObject>;
  /** True if there was such an object. */
  delete(key: string): Promise<boolean>;
  close(): Promise<void>;
}

/** Whether `text` can stand between two slashes of a key. */
export function isKeySegment(text: string): boolean {
  return /^[A-Za-z0-9_=.-]{1,255}$/.test(text) && text !== '.' && text !== '..';
}

/** Throws BAD_REQUEST unless `key` is of the form that Store promises. */
export function checkKey(key: string): void {
  if (key.length > KEY_LENGTH_MAX || !key.split('/').every(isKeySegment))
    throw new HayateError('BAD_REQUEST', `not an object key: ${JSON.stringify(key.slice(0, 200))}`);
}
