// Maintains a partition's objects while it is archived: completes erasures, compacts statistics by
// the hour, and deletes objects that are too old. It reads only manifests and records, so it may
// stop and continue at any point. Its failures are logged and retried, and never stop archiving.

import { setTimeout as wait } from 'node:timers/promises';
import { hourOf } from '../../archive/layout/hour.ts';
import type { Manifest } from '../../archive/layout/manifest.ts';
import type { PartitionName } from '../../archive/layout/path.ts';
import { type Retained, readRetained, writeRetained } from '../../archive/layout/retained.ts';
import type { RateLimitedLog } from '../../kernel/rate-limited-log.ts';
import type { Store } from '../../store/store.ts';
import type { ArchiverMetrics } from '../archiver-metrics.ts';
import { UpkeepErasure } from './erasure-upkeep.ts';
import { compactHours } from './hourly.ts';
import { deleteAged, type RetentionDays } from './retention.ts';

/**
 * Maximum number of hours, or of cuts of a kind, that are processed before other partitions have
 * their turn.
 */
const STEPS_MAX = 32;

/** Interval between checks for a partition's first manifest. */
const OPENING_MS = 1_000;

interface UpkeepOptions {
  store: Store;
  /** Retention time of objects. */
  days: RetentionDays;
  /** Interval between two passes, milliseconds; 0: no passes. */
  intervalMs: number;
  metrics: ArchiverMetrics;
  limitedLog: RateLimitedLog;
  /** Unix milliseconds. */
  now: () => number;
}

/** A process's upkeep, which handles one partition at a time. */
export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #completed = new Set<string>();
  #turn: Promise<void> = Promise.resolve();

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  /**
   * Maintains a partition until the signal aborts. `newest` returns its newest committed manifest,
   * undefined while there is none. Never rejects.
   */
  async run(name: PartitionName, newest: () => Manifest | undefined, signal: AbortSignal): Promise<void> {
    if (this.#options.intervalMs === 0) return;
    const pass = new PartitionPass(name, this.#options, this.#completed);
    while (!signal.aborted) {
      const manifest = newest();
      const more = manifest !== undefined && (await this.#inTurn(() => this.#try(pass, manifest, signal)));
      const pauseMs = manifest === undefined ? OPENING_MS : more ? 0 : this.#options.intervalMs;
      await wait(pauseMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  async #try(pass: PartitionPass, newest: Manifest, signal: AbortSignal): Promise<boolean> {
    const { metrics, limitedLog } = this.#options;
    try {
      return await pass.run(newest, signal);
    } catch (error) {
      if (signal.aborted) return false;
      metrics.upkeepFailures.inc();
      limitedLog.error('upkeep of the archive failed and will be retried', { partition: newest.partition, error: String(error) });
      return false;
    }
  }

  async #inTurn(work: () => Promise<boolean>): Promise<boolean> {
    const result = this.#turn.then(work);
    this.#turn = result.then(() => undefined);
    return result;
  }
}

/** One partition's passes. */
class PartitionPass {
  readonly #name: PartitionName;
  readonly #options: UpkeepOptions;
  readonly #erasure: UpkeepErasure;
  /** Start of the first hour that is not in hourly objects; undefined before the first pass. */
  #hourMs: number | undefined;

  constructor(name: PartitionName, options: UpkeepOptions, completed: Set<string>) {
    this.#name = name;
    this.#options = options;
    this.#erasure = new UpkeepErasure({ ...options, name, completed });
  }

  /** Resolves to whether there is more to do at once. */
  async run(newest: Manifest, signal: AbortSignal): Promise<boolean> {
    const { store, days, metrics, now } = this.#options;
    let retained = await readRetained(store, this.#name);
    await this.#erasure.run(retained.hourly, newest, signal);
    const compacted = await this.#compact(retained, newest, signal);
    retained = compacted.retained;
    const deleted = await deleteAged({
      store,
      name: this.#name,
      retained,
      days,
      clockMs: now(),
      newest,
      hourMs: this.#hourMs ?? 0,
      cutsMax: STEPS_MAX,
      onDeleted: (output) => metrics.objectsDeleted.inc({ output }),
      signal,
    });
    return compacted.more || deleted.more;
  }

  async #compact(retained: Retained, newest: Manifest, signal: AbortSignal): Promise<{ retained: Retained; more: boolean }> {
    if (this.#hourMs === hourOf(newest.state.windowStartMs)) return { retained, more: false };
    const { store, metrics } = this.#options;
    let written = retained;
    const { hourMs, made, more } = await compactHours({
      store,
      name: this.#name,
      from: retained.hourly,
      advance: async (hourly) => {
        written = { ...written, hourly };
        await writeRetained(store, written);
      },
      stepsMax: STEPS_MAX,
      signal,
    });
    this.#hourMs = hourMs;
    metrics.objects.inc({ output: 'hourly' }, made);
    return { retained: written, more };
  }
}
