// The store in a bucket, whoever's: in go calls of the seam, out go requests of one service, each with a time limit, again if
// it failed for the moment. The invariant: what resolved is so at the server; what rejected may have happened or not, but whole.
//
// A put whose answer was lost is made again, and finds its own object there: that is `false`, as the contract has it ("taken, by
// whatever bytes"); who cares compares. Retries are made here and not in an SDK, since they must cover a body that stalls
// or breaks off while it is read, and be the same for every service. An object is one request: some 100 MiB are the archive's
// largest, 5 GiB the services' bound.
import { setTimeout as wait } from 'node:timers/promises';
import { HayateError } from '../kernel/error.ts';
import { Gate } from '../kernel/gate.ts';
import type { BucketAddress } from './bucket-address.ts';
import { checkKey, isKeySegment, KEY_LENGTH_MAX, type ObjectState, type ReadRange, type Store, type StoredObject } from './store.ts';

/** Requests for one call, the first included. */
const ATTEMPTS_MAX = 4;
const PAUSE_MS = 200;
/** Requests on their way at a time, unless told otherwise. */
export const REQUESTS_MAX = 64;
/** What S3 and GCS give at most. */
const PAGE_KEYS_MAX = 1_000;

/** Where a page of a listing begins. */
export interface PageQuery {
  readonly prefix: string;
  /** Printable ASCII. Keys before it are not wanted; itself may come or not. */
  readonly from: string | undefined;
  /** What the page before gave as `next`. */
  readonly token: string | undefined;
  readonly keysMax: number;
}

/** The requests of a service, each sent once. They throw what `explain` understands, and end when the signal aborts. */
export interface BucketRequests {
  /** False if the key is taken, which only matters with `ifAbsent`. */
  put(key: string, bytes: Uint8Array, ifAbsent: boolean, signal: AbortSignal): Promise<boolean>;
  /**
   * From `offset` on, `length` (> 0) bytes or fewer; without a range all. Undefined if there is no such object, or if it is
   * not of the version that the range names.
   */
  get(key: string, range: ReadRange | undefined, signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** Undefined if there is no such object. */
  head(key: string, signal: AbortSignal): Promise<Omit<ObjectState, 'key'> | undefined>;
  page(query: PageQuery, signal: AbortSignal): Promise<{ objects: readonly StoredObject[]; next: string | undefined }>;
  /** Whether the object is there or not. */
  remove(key: string, signal: AbortSignal): Promise<void>;
  /** What an error means. `temporary`: the request is worth sending again. Must not hold credentials. */
  explain(error: unknown): HayateError;
  close(): void;
}

/** What every adapter to a bucket takes. */
export interface BucketOptions extends BucketAddress {
  /** Of a server that speaks the service's protocol; undefined: the service itself. */
  readonly endpoint?: string | undefined;
  /** Longest time for one request with its answer, milliseconds. */
  readonly timeoutMs: number;
  /** Requests on their way at a time; others wait their turn, and their time does not run. Default REQUESTS_MAX. */
  readonly requestsMax?: number;
  /** Objects to a page of a listing. Default 1,000. */
  readonly pageKeys?: number;
  /** Before a request is sent again, at most, milliseconds; doubled for each that follows. Default 200. */
  readonly pauseMs?: number;
}

/** Opens the store; asks for a page, so that a wrong bucket or credentials show now. Throws CONFIGURATION for these, UNREACHABLE. */
export async function openRemoteStore(requests: BucketRequests, options: BucketOptions): Promise<Store> {
  const store = new RemoteStore(requests, options);
  try {
    await store.check();
  } catch (error) {
    await store.close();
    throw error;
  }
  return store;
}

class RemoteStore implements Store {
  readonly #requests: BucketRequests;
  readonly #prefix: string;
  readonly #timeoutMs: number;
  readonly #pageKeys: number;
  readonly #pauseMs: number;
  readonly #gate: Gate;
  readonly #closing = new AbortController();

  constructor(requests: BucketRequests, { prefix, timeoutMs, requestsMax, pageKeys, pauseMs }: BucketOptions) {
    this.#requests = requests;
    this.#prefix = prefix;
    this.#timeoutMs = timeoutMs;
    this.#pageKeys = pageKeys ?? PAGE_KEYS_MAX;
    this.#pauseMs = pauseMs ?? PAUSE_MS;
    this.#gate = new Gate(requestsMax ?? REQUESTS_MAX);
  }

  async check(): Promise<void> {
    await this.#attempt((signal) => this.#requests.page({ prefix: this.#prefix, from: undefined, token: undefined, keysMax: 1 }, signal));
  }

  async putIfAbsent(key: string, bytes: Uint8Array): Promise<boolean> {
    const name = this.#name(key);
    return this.#attempt((signal) => this.#requests.put(name, bytes, true, signal));
  }

  async replace(key: string, bytes: Uint8Array): Promise<void> {
    const name = this.#name(key);
    await this.#attempt((signal) => this.#requests.put(name, bytes, false, signal));
  }

  async get(key: string, range?: ReadRange): Promise<Uint8Array | undefined> {
    const name = this.#name(key);
    if (range !== undefined && ![range.offset, range.length].every((value) => Number.isSafeInteger(value) && value >= 0))
      throw new RangeError(`not a range: ${range.offset} + ${range.length}`);
    // HTTP has no way to ask for nothing.
    if (range?.length === 0) {
      const state = await this.head(key);
      return state !== undefined && state.version === (range.version ?? state.version) ? new Uint8Array() : undefined;
    }
    return this.#attempt((signal) => this.#requests.get(name, range, signal));
  }

  async head(key: string): Promise<ObjectState | undefined> {
    const name = this.#name(key);
    const state = await this.#attempt((signal) => this.#requests.head(name, signal));
    return state === undefined ? undefined : { key, ...state };
  }

  async *list(prefix: string, after = ''): AsyncGenerator<StoredObject, void, undefined> {
    if (!mayBeginKeys(prefix)) return;
    // `after` is any text, a request is not: what it begins with, of what may be sent, sorts before it.
    const [plain = ''] = /^[\x20-\x7e]*/.exec(after) ?? [];
    const query = { prefix: this.#prefix + prefix, from: plain === '' ? undefined : this.#prefix + plain, keysMax: this.#pageKeys };
    let last = '';
    let token: string | undefined;
    do {
      const page = await this.#attempt((signal) => this.#requests.page({ ...query, token }, signal));
      for (const { key: name, size } of page.objects) {
        if (name <= last) throw new HayateError('CORRUPT', `the object store lists ${name} after ${last}`);
        last = name;
        const key = name.slice(this.#prefix.length);
        // Who else writes to the bucket is none of ours. Keys are ASCII: string order is byte order.
        if (key > after && key.split('/').every(isKeySegment)) yield { key, size };
      }
      token = page.next;
    } while (token !== undefined);
  }

  async delete(key: string): Promise<boolean> {
    const name = this.#name(key);
    // Asked first: S3 does not tell, and who repeats a delete whose answer was lost finds nothing.
    if ((await this.head(key)) === undefined) return false;
    await this.#attempt((signal) => this.#requests.remove(name, signal));
    return true;
  }

  async close(): Promise<void> {
    this.#closing.abort(new HayateError('CLOSED', 'the object store is closed'));
    this.#requests.close();
  }

  /** The key in the bucket. */
  #name(key: string): string {
    checkKey(key);
    const name = this.#prefix + key;
    if (name.length > KEY_LENGTH_MAX)
      throw new HayateError('BAD_REQUEST', `longer than ${KEY_LENGTH_MAX} with its prefix: ${key.slice(0, 200)}`);
    return name;
  }

  async #attempt<T>(request: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const closing = this.#closing.signal;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#gate.pass(1, () => this.#once(request));
      } catch (error) {
        closing.throwIfAborted();
        if (!(error instanceof HayateError && error.temporary) || attempt === ATTEMPTS_MAX) throw error;
      }
      // Drawn, so that many writers do not come back at once.
      await wait(this.#pauseMs * 2 ** (attempt - 1) * Math.random(), undefined, { signal: closing }).catch(() => undefined);
    }
  }

  async #once<T>(request: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const closing = this.#closing.signal;
    closing.throwIfAborted();
    const late = AbortSignal.timeout(this.#timeoutMs);
    try {
      return await request(AbortSignal.any([late, closing]));
    } catch (cause) {
      throw late.aborted
        ? new HayateError('UNREACHABLE', `the object store did not answer within ${this.#timeoutMs} ms`, { cause, temporary: true })
        : this.#requests.explain(cause);
    }
  }
}

/** Whether any key can begin with `prefix`. */
function mayBeginKeys(prefix: string): boolean {
  const segments = prefix.split('/');
  const open = segments.pop() ?? '';
  return segments.every(isKeySegment) && /^[A-Za-z0-9_=.-]{0,255}$/.test(open);
}

/** Bytes `offset` to `offset + length` of an answer: of the part that was asked for, or of the whole if the server knows no ranges. */
export function cutToRange(bytes: Uint8Array, isPart: boolean, range: ReadRange | undefined): Uint8Array {
  if (range === undefined || isPart) return bytes;
  return bytes.subarray(range.offset, range.offset + range.length);
}

/** What an answer's status means, when nothing more is known of it. */
export function explainStatus(status: number | undefined, message: string, cause: unknown): HayateError {
  const said = `the object store ${status === undefined ? 'cannot be reached' : `answered ${status}`}: ${message.slice(0, 300)}`;
  if (status === 401 || status === 403 || status === 404 || (status !== undefined && status >= 300 && status < 400))
    return new HayateError('CONFIGURATION', said, { cause });
  // As a rule with something that is going on beside it.
  if (status === 409) return new HayateError('CONFLICT', said, { cause, temporary: true });
  if (status === 501) return new HayateError('CONFIGURATION', said, { cause });
  // Also 400, which is how a body that changed on its way is refused.
  return new HayateError('UNREACHABLE', said, { cause, temporary: true });
}

/** Whether a put to a key that is taken is refused: compatible servers that do not know the condition overwrite. Throws CONFIGURATION. */
export async function checkPutIfAbsent(store: Store): Promise<void> {
  const key = `conditional-put/${crypto.randomUUID()}`;
  try {
    await store.putIfAbsent(key, new Uint8Array(1));
    if (await store.putIfAbsent(key, new Uint8Array(2)))
      throw new HayateError('CONFIGURATION', 'the object store overwrites what it is asked to keep: it knows no conditional puts');
  } finally {
    await store.delete(key);
  }
}
