// The store of a site's archive, as its tests see it: the flags that select it, a way to notice
// writes, and its objects as plain files.
import { mkdirSync, watch, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { openFsStore } from '../../../packages/server/src/store/fs/open.ts';
import { openGcsStore } from '../../../packages/server/src/store/gcs/open.ts';
import { openS3Store } from '../../../packages/server/src/store/s3/open.ts';
import type { Store } from '../../../packages/server/src/store/store.ts';
import { startGcs } from '../../support/gcs.ts';
import { startS3 } from '../../support/s3.ts';
import { type FaultPlan, type StoreFaultProxy, seededFaults, startStoreFaultProxy } from '../../support/store-fault-proxy.ts';
import { tempDir } from '../../support/temp-dir.ts';

/** A store under test. */
export interface StoreSite {
  /** Flags of `hayate serve`. */
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /**
   * Calls `onTouch` in the turn in which it notices that an object is begun, written or requested.
   * Stops when the returned function is called.
   */
  watch(onTouch: () => void): () => void;
  /** Opens the store for a reader, without any faults. */
  open(): Promise<Store>;
  /**
   * A folder that contains every object at its key, for readers of files. Call it when no process
   * writes any more.
   */
  files(): Promise<string>;
}

/**
 * The embedded store in `folder`: an object is made in a folder next to it, linked to its key, and
 * then unlinked there.
 */
export function fsStoreSite(folder: string): StoreSite {
  return {
    flags: [],
    env: {},
    watch: (onTouch) => {
      const unfinished = join(folder, '.tmp~');
      mkdirSync(unfinished, { recursive: true });
      const watcher = watch(unfinished, onTouch);
      return () => watcher.close();
    },
    open: () => openFsStore({ directory: folder }),
    files: async () => folder,
  };
}

/** An object store behind a proxy that damages requests. */
interface SpoiltStoreSite extends StoreSite {
  readonly proxy: StoreFaultProxy;
}

/**
 * A real S3 or GCS server, and in front of it a proxy that damages one request in five. Returns
 * undefined after skipping the test.
 */
export async function spoiltStoreSite(t: TestContext, kind: 's3' | 'gcs', seed: number): Promise<SpoiltStoreSite | undefined> {
  const server = await (kind === 's3' ? startS3(t) : startGcs(t));
  if (server === undefined) return undefined;
  const faults = seededFaults(seed, 0.2);
  const watchers = new Set<() => void>();
  const plan: FaultPlan = (request) => {
    for (const onTouch of watchers) onTouch();
    return faults(request);
  };
  const proxy = await startStoreFaultProxy(t, server.endpoint, plan);
  const bucket = { bucket: server.bucket, prefix: 'site/', endpoint: server.endpoint, timeoutMs: 10_000 };
  const open = (): Promise<Store> => {
    // The SDK looks for its credentials there.
    Object.assign(process.env, server.env);
    return kind === 's3' ? openS3Store({ ...bucket, region: 'us-east-1' }) : openGcsStore(bucket);
  };
  const address = `${kind === 's3' ? 's3' : 'gs'}://${server.bucket}/site`;
  return {
    proxy,
    flags: ['--store', address, '--store-endpoint', proxy.endpoint, '--store-timeout-ms', '300'],
    env: server.env,
    watch: (onTouch) => {
      watchers.add(onTouch);
      return () => watchers.delete(onTouch);
    },
    open,
    files: async () => {
      const folder = tempDir(t);
      const store = await open();
      for await (const { key } of store.list('')) {
        mkdirSync(dirname(join(folder, key)), { recursive: true });
        writeFileSync(join(folder, key), (await store.get(key)) ?? new Uint8Array());
      }
      await store.close();
      return folder;
    },
  };
}
