// The store in a bucket of any service. In: calls of the seam. Out: requests of one service, each
// with a time limit, repeated after temporary failures. The invariant: a call that resolved has
// taken effect at the server. A call that rejected may have taken effect or not, but never in part.
//
// A put whose answer was lost is sent again and finds its own object. It then resolves to `false`,
// as the contract says ("taken, whatever its bytes"); a caller that must know compares the bytes.
// Retries are made here and not in an SDK, since they must cover a body that stalls or breaks off
// while it is read, and be the same for every service. An object is one request: the archive's
// largest have about 100 MiB, and the services' limit is 5 GiB.
import { setTimeout as wait } from 'node:timers/promises';
import { HayateError } from '../kernel/error.ts';
import { Gate } from '../kernel/gate.ts';
import type { BucketAddress } from './bucket-address.ts';
import { checkKey, isKeySegment, KEY_LENGTH_MAX, type ObjectState, type ReadRange, type Store, type StoredObject } from './store.ts';

/** The most requests for one call, including the first. */
const ATTEMPTS_MAX = 4;
const PAUSE_MS = 200;
/** The default number of concurrent requests. */
export const REQUESTS_MAX = 64;
/** The most keys of one page at S3 and GCS. */
const PAGE_KEYS_MAX = 1_000;

/** The position of one page of a listing. */
interface PageQuery {
  readonly prefix: string;
  /** Printable ASCII. Keys before it are not wanted; the key itself may be listed or not. */
  readonly from: string | undefined;
  /** The previous page's `next`. */
  readonly token: string | undefined;
  readonly keysMax: number;
}

/**
 * The requests of a service, each sent once. They throw errors that `explain` takes, and end when
 * the signal aborts.
 */
export interface BucketRequests {
  /** False if the key is taken; can happen only with `ifAbsent`. */
  put(key: string, bytes: Uint8Array, ifAbsent: boolean, signal: AbortSignal): Promise<boolean>;
  /**
   * `length` (> 0) bytes or fewer from `offset` on, or all bytes without a range. Undefined if
   * there is no such object, or if it does not have the version of the range.
   */
  get(key: string, range: ReadRange | undefined, signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** Undefined if there is no such object. */
  head(key: string, signal: AbortSignal): Promise<Omit<ObjectState, 'key'> | undefined>;
  page(query: PageQuery, signal: AbortSignal): Promise<{ objects: readonly StoredObject[]; next: string | undefined }>;
  /** Succeeds whether or not the object exists. */
  remove(key: string, signal: AbortSignal): Promise<void>;
  /**
   * Converts an error. `temporary` means that the request can be sent again. The result must not
   * contain credentials.
   */
  explain(error: unknown): HayateError;
  close(): void;
}

/** The options that all bucket adapters share. */
export interface BucketOptions extends BucketAddress {
  /** The URL of a server that speaks the service's protocol; undefined: the service itself. */
  readonly endpoint?: string | undefined;
  /** The time limit for one request with its answer, milliseconds. */
  readonly timeoutMs: number;
  /**
   * The most concurrent requests. Others wait, and their time limit does not run. Default
   * REQUESTS_MAX.
   */
  readonly requestsMax?: number;
  /** Objects per page of a listing. Default 1,000. */
  readonly pageKeys?: number;
  /**
   * The longest pause before the first retry, milliseconds; it doubles for each further one.
   * Default 200.
   */
  readonly pauseMs?: number;
}

/**
 * Opens the store and lists one page, so that a wrong bucket or wrong credentials show now. Throws
 * CONFIGURATION for these, UNREACHABLE.
 */
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
    // HTTP cannot request an empty range.
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
    // `after` can be any text, but a request takes only printable ASCII. The printable prefix of
    // `after` sorts before it.
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
        // Skip objects of other writers. Keys are ASCII, so string order is byte order.
        if (key > after && key.split('/').every(isKeySegment)) yield { key, size };
      }
      token = page.next;
    } while (token !== undefined);
  }

  async delete(key: string): Promise<boolean> {
    const name = this.#name(key);
    // Ask first: S3 does not tell whether the object existed, and a repeated delete whose first
    // answer was lost finds nothing.
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
      // Random, so that many writers do not retry at the same moment.
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

/**
 * Cuts an answer to the range `offset` to `offset + length`. The answer has the requested part, or
 * the whole object if the server ignores ranges.
 */
export function cutToRange(bytes: Uint8Array, isPart: boolean, range: ReadRange | undefined): Uint8Array {
  if (range === undefined || isPart) return bytes;
  return bytes.subarray(range.offset, range.offset + range.length);
}

/** Converts an answer's status to an error, when no more is known. */
export function explainStatus(status: number | undefined, message: string, cause: unknown): HayateError {
  const said = `the object store ${status === undefined ? 'cannot be reached' : `answered ${status}`}: ${message.slice(0, 300)}`;
  if (status === 401 || status === 403 || status === 404 || (status !== undefined && status >= 300 && status < 400))
    return new HayateError('CONFIGURATION', said, { cause });
  // Usually a conflict with a concurrent request.
  if (status === 409) return new HayateError('CONFLICT', said, { cause, temporary: true });
  if (status === 501) return new HayateError('CONFIGURATION', said, { cause });
  // Includes 400, with which services refuse a body that changed on its way.
  return new HayateError('UNREACHABLE', said, { cause, temporary: true });
}

/**
 * Checks that a put to a taken key is refused. Compatible servers without conditional puts
 * overwrite the object. Throws CONFIGURATION.
 */
export async function checkPutIfAbsent(store: Store): Promise<void> {
  const key = `conditional-put/${crypto.randomUUID()}`;
  try {
    await store.putIfAbsent(key, new Uint8Array(1));
    if (await store.putIfAbsent(key, new Uint8Array(2)))
      throw new HayateError('CONFIGURATION', 'the object store overwrites existing objects: it does not support conditional puts');
  } finally {
    await store.delete(key);
  }
}
