// In: any open store. Out: the same store, with metrics named hayate_store_*, which time its calls
// and count its failures. A listing counts as one call. Its time is the time that its reader waited
// for it, without the reader's own work in between.
import { Counter, Gauge, Histogram, type Registry } from '@prometheus-io/client';
import { HayateError } from '../kernel/error.ts';
import type { Store, StoredObject } from './store.ts';

const calls = ['put', 'replace', 'get', 'head', 'list', 'delete'] as const;
type Call = (typeof calls)[number];

function storeMetrics(registry: Registry) {
  const registers = [registry];
  const labelNames = ['call'] as const;
  const metrics = {
    seconds: new Histogram({
      name: 'hayate_store_call_seconds',
      help: 'Duration of object store calls, including retries, whether they succeeded or failed',
      labelNames,
      buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100],
      registers,
    }),
    open: new Gauge({
      name: 'hayate_store_calls_open',
      help: 'Object store calls that are running or waiting for their turn',
      labelNames,
      registers,
    }),
    failures: new Counter({
      name: 'hayate_store_failures_total',
      help: 'Object store calls that failed after their retries, by call and error code',
      labelNames: ['call', 'code'],
      registers,
    }),
    written: new Counter({ name: 'hayate_store_written_bytes_total', help: 'Bytes of objects put or replaced', registers }),
    read: new Counter({ name: 'hayate_store_read_bytes_total', help: 'Bytes of objects read', registers }),
  };
  for (const call of calls) {
    metrics.failures.inc({ call, code: 'UNREACHABLE' }, 0);
    metrics.open.set({ call }, 0);
  }
  return metrics;
}

/**
 * Wraps `store`; closing the wrapper closes it. `registry` must not hold another store's metrics.
 */
export function measureStore(store: Store, registry: Registry): Store {
  const { seconds, open, failures, written, read } = storeMetrics(registry);
  const ended = (call: Call, tookMs: number): void => {
    open.dec({ call });
    seconds.observe({ call }, tookMs / 1000);
  };
  const failed = (call: Call, error: unknown): void => failures.inc({ call, code: error instanceof HayateError ? error.code : 'OTHER' });
  const measured = async <T>(call: Call, run: () => Promise<T>): Promise<T> => {
    const start = performance.now();
    open.inc({ call });
    try {
      return await run();
    } catch (error) {
      failed(call, error);
      throw error;
    } finally {
      ended(call, performance.now() - start);
    }
  };

  async function* list(prefix: string, after?: string): AsyncGenerator<StoredObject, void, undefined> {
    let tookMs = 0;
    let start = performance.now();
    open.inc({ call: 'list' });
    try {
      for await (const object of store.list(prefix, after)) {
        tookMs += performance.now() - start;
        start = Number.NaN;
        yield object;
        start = performance.now();
      }
    } catch (error) {
      failed('list', error);
      throw error;
    } finally {
      // A reader that stops early no longer waits.
      ended('list', Number.isNaN(start) ? tookMs : tookMs + performance.now() - start);
    }
  }

  return {
    putIfAbsent: (key, bytes) =>
      measured('put', async () => {
        const won = await store.putIfAbsent(key, bytes);
        if (won) written.inc(bytes.length);
        return won;
      }),
    replace: (key, bytes) =>
      measured('replace', async () => {
        await store.replace(key, bytes);
        written.inc(bytes.length);
      }),
    get: (key, range) =>
      measured('get', async () => {
        const bytes = await store.get(key, range);
        read.inc(bytes?.length ?? 0);
        return bytes;
      }),
    head: (key) => measured('head', () => store.head(key)),
    list,
    delete: (key) => measured('delete', () => store.delete(key)),
    close: () => store.close(),
  };
}
