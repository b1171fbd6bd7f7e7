// The seam between the archiver and where objects are kept. Objects are written once, whole, and never changed.

/** What `list` and `head` tell of an object. */
export interface StoredObject {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
}

/** An object store. Keys are relative paths of segments [A-Za-z0-9_=.-]+ joined by '/'; '.' and '..' are refused. Adapters: store-fs.ts. */
export interface Store {
  /**
   * Writes the object if the key is free: true. If it is taken, by whatever bytes: false, and nothing is changed.
   * When it resolves, the object is durable, and was at no time visible in part.
   */
  putIfAbsent(key: string, bytes: Uint8Array): Promise<boolean>;
  /** The object's bytes, or `length` of them from `offset`; undefined if there is no such object. */
  get(key: string, range?: { offset: number; length: number }): Promise<Uint8Array | undefined>;
  head(key: string): Promise<StoredObject | undefined>;
  /** Objects whose keys begin with `prefix`, in ascending order of their keys' bytes, those after `after` if given. */
  list(prefix: string, after?: string): AsyncIterable<StoredObject>;
  /** True if there was such an object. */
  delete(key: string): Promise<boolean>;
  close(): Promise<void>;
}

/** Throws unless `key` is of the form that Store promises. */
export function checkKey(key: string): void {
  const segments = key.split('/');
  if (!segments.every((segment) => /^[A-Za-z0-9_=.-]{1,255}$/.test(segment) && segment !== '.' && segment !== '..'))
    throw new Error(`not an object key: ${JSON.stringify(key.slice(0, 200))}`);
}
