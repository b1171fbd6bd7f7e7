// Writes each object to the store once; an existing object must have the same content. If the store
// fails, the write is retried until it succeeds or the partition is taken away. No object is
// skipped.
import { setTimeout as wait } from 'node:timers/promises';
import { holdsErased } from '../archive/erase/erasure-object.ts';
import { listErased } from '../archive/layout/erasure-record.ts';
import { readObjectIdentity } from '../archive/layout/object-digest.ts';
import { HayateError } from '../kernel/error.ts';
import type { RateLimitedLog } from '../kernel/rate-limited-log.ts';
import type { Store } from '../store/store.ts';
import type { ArchiverMetrics } from './archiver-metrics.ts';
import type { Output } from './cut/planned-object.ts';

const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 10_000;

/** Writes objects for all of a process's partitions. */
export class ObjectWriter {
  readonly #store: Store;
  readonly #metrics: ArchiverMetrics;
  readonly #log: RateLimitedLog;
  #failing = 0;

  constructor(options: { store: Store; metrics: ArchiverMetrics; log: RateLimitedLog }) {
    this.#store = options.store;
    this.#metrics = options.metrics;
    this.#log = options.log;
  }

  /** The number of calls to the store that have failed and are being retried. */
  get failing(): number {
    return this.#failing;
  }

  /**
   * Stores an object. Resolves when it is durable or an equal one exists: to the existing bytes and
   * their digest, or undefined if there was no object. `keepErased`: the caller lacks erased
   * content, and so accepts an existing object with a different digest if it was erased or is still
   * to be erased. Throws CONFLICT if the existing object has different content, and the signal's
   * reason when it aborts.
   */
  async put(
    key: string,
    output: Output | 'cuts',
    object: { bytes: Uint8Array; digest: string },
    { signal, keepErased }: { signal: AbortSignal; keepErased: boolean },
  ): Promise<{ bytes: Uint8Array; digest: string } | undefined> {
    const found = await this.#retrying(key, signal, async () => {
      if (await this.#store.putIfAbsent(key, object.bytes)) return undefined;
      const bytes = await this.#store.get(key);
      if (bytes === undefined) throw new Error('the object existed, and was then deleted');
      return bytes;
    });
    if (found === undefined) {
      this.#metrics.objects.inc({ output });
      this.#metrics.objectBytes.inc({ output }, object.bytes.length);
      return undefined;
    }
    const { digest, erased } = readObjectIdentity(key, found);
    // An erasure may have reached the manifest but not yet this object.
    const stands = async () => erased || holdsErased(key, found, await this.#retrying(key, signal, () => listErased(this.#store)));
    if (digest !== object.digest && !(keepErased && (await stands())))
      throw new HayateError('CONFLICT', `${key} exists with different content than the log now gives`);
    this.#metrics.objectsFound.inc({ output });
    return { bytes: found, digest };
  }

  /** Reads an object; undefined if there is none. */
  get(key: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    return this.#retrying(key, signal, () => this.#store.get(key));
  }

  async #retrying<T>(key: string, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
    let failed = false;
    try {
      for (let pauseMs = RETRY_MS_MIN; ; pauseMs = Math.min(pauseMs * 2, RETRY_MS_MAX)) {
        signal.throwIfAborted();
        try {
          return await call();
        } catch (error) {
          if (!failed) this.#failing++;
          failed = true;
          this.#metrics.storeRetries.inc();
          this.#log.warn('the object store failed; retrying', { key, error: String(error), pauseMs });
          await wait(pauseMs, undefined, { signal });
        }
      }
    } finally {
      if (failed) this.#failing--;
    }
  }
}
