// Continues erasures that another process began and never completed. Also erases content that
// arrived after a broadcast was erased: a batch that its streamer had kept, or frames of a
// broadcaster that came back.

import { eraseBroadcast } from '../../archive/erase/erasure.ts';
import { holdsContent } from '../../archive/erase/erasure-object.ts';
import { findBroadcasts } from '../../archive/erase/erasure-search.ts';
import { broadcastKey, parseBroadcastKey } from '../../archive/layout/broadcast-name.ts';
import { type ErasedSet, listErased, readErasure } from '../../archive/layout/erasure-record.ts';
import type { Manifest } from '../../archive/layout/manifest.ts';
import { readChain } from '../../archive/layout/manifest-chain.ts';
import type { PartitionName } from '../../archive/layout/path.ts';
import { HayateError } from '../../kernel/error.ts';
import type { Store } from '../../store/store.ts';
import type { ArchiverMetrics } from '../archiver-metrics.ts';

/** Time for the process that requested an erasure to complete it, milliseconds. */
const PATIENCE_MS = 600_000;

interface UpkeepErasureOptions {
  store: Store;
  name: PartitionName;
  metrics: ArchiverMetrics;
  /** Unix milliseconds. */
  now: () => number;
  /** Broadcasts whose records are known to be completed; shared by a process's partitions. */
  completed: Set<string>;
}

/** One partition's erasures. */
export class UpkeepErasure {
  readonly #options: UpkeepErasureOptions;
  /** The last manifest that was read. */
  #seen: { start: number; windowStartMs: number } | undefined;
  /** Broadcasts of this partition to erase as soon as possible. */
  readonly #pending = new Set<string>();
  /** Erased broadcasts that are not in this partition. */
  readonly #elsewhere = new Set<string>();

  constructor(options: UpkeepErasureOptions) {
    this.#options = options;
  }

  /**
   * Reads the records, and the manifests written since the last call; the first call begins at the
   * cut at `from`.
   */
  async run(from: number, newest: Manifest, signal: AbortSignal): Promise<void> {
    const erased = await listErased(this.#options.store);
    if (erased.size === 0) {
      this.#seen = { start: newest.start, windowStartMs: newest.state.windowStartMs };
      return;
    }
    await this.#readRecords(erased);
    await this.#readManifests(from, erased, signal);
    for (const key of [...this.#pending]) {
      signal.throwIfAborted();
      await this.#erase(key, signal);
    }
  }

  async #readRecords(erased: ErasedSet): Promise<void> {
    const { store, completed } = this.#options;
    for (const key of erased) {
      if (completed.has(key) || this.#elsewhere.has(key)) continue;
      const record = await readErasure(store, parseBroadcastKey(key));
      if (record?.completedUnixMs !== undefined) completed.add(key);
      else this.#pending.add(key);
    }
  }

  async #readManifests(from: number, erased: ErasedSet, signal: AbortSignal): Promise<void> {
    const { store, name } = this.#options;
    for await (const { start, state } of readChain(store, name, this.#seen === undefined ? from : this.#seen.start + 1)) {
      signal.throwIfAborted();
      const sinceMs = this.#seen?.windowStartMs ?? Infinity;
      for (const epoch of state.epochs)
        if (erased.has(broadcastKey(epoch)) && (epoch.windowStartMs >= sinceMs || holdsContent(epoch)))
          this.#pending.add(broadcastKey(epoch));
      this.#seen = { start, windowStartMs: state.windowStartMs };
    }
  }

  async #erase(key: string, signal: AbortSignal): Promise<void> {
    const { store, name, metrics, now, completed } = this.#options;
    const broadcast = parseBroadcastKey(key);
    const record = await readErasure(store, broadcast);
    if (record?.completedUnixMs === undefined && now() - (record?.requestedUnixMs ?? 0) < PATIENCE_MS) return;
    const found = (await findBroadcasts(store, broadcast.stream, { partitions: [name] })).find(({ epoch }) => epoch === broadcast.epoch);
    if (found === undefined) this.#elsewhere.add(key);
    else {
      try {
        await eraseBroadcast({ store, broadcast: found, now, signal });
      } catch (error) {
        // The broadcast continues. It will be erased when it ends.
        if (error instanceof HayateError && error.code === 'BAD_REQUEST') return;
        throw error;
      }
      metrics.erasures.inc();
      completed.add(key);
    }
    this.#pending.delete(key);
  }
}
