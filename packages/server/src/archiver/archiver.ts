// The archiver role: turns log entries into objects, for every partition that the consumer group
// assigns to this process. spec/archive.md describes its output; partition-archiver.ts the order of
// its steps.

import { CUT_CONFIG, type CutConfig, CutConfigSchema } from '../archive/layout/cut-config.ts';
import type { Context } from '../kernel/context.ts';
import { HayateError } from '../kernel/error.ts';
import { RateLimitedLog } from '../kernel/rate-limited-log.ts';
import type { Service } from '../kernel/service.ts';
import type { Log, LogConsumer, LogPartition } from '../log/log.ts';
import type { Store } from '../store/store.ts';
import { type ArchiveMemory, makeArchiveMemory } from './archive-memory.ts';
import { ArchiverMetrics } from './archiver-metrics.ts';
import { ObjectWriter } from './object-writer.ts';
import { PartitionArchiver } from './partition-archiver.ts';
import type { RetentionDays } from './upkeep/retention.ts';
import { Upkeep } from './upkeep/upkeep.ts';

/**
 * Options for operators; each has a default. Options of CutConfig go into the next manifest and
 * apply from there.
 */
export interface ArchiverOptions extends Partial<CutConfig> {
  /**
   * A partition with open data ends its cut after this much silence, milliseconds. Default: one
   * window.
   */
  idleMs?: number;
  /**
   * Memory that all partitions together may gather before they wait for one another, bytes.
   * Default: 128 MiB.
   */
  memoryBytes?: number;
  /** Days that objects of a kind are kept. Default: forever. */
  retainDays?: Partial<RetentionDays>;
  /**
   * Interval between two passes of upkeep over a partition, milliseconds. Default: 5 min; 0: no
   * upkeep.
   */
  upkeepMs?: number;
}

const UPKEEP_MS = 300_000;

/**
 * Memory that partitions may gather, bytes. With it, a thousand streams take less than 512 MiB in
 * total.
 */
export const ARCHIVE_MEMORY_BYTES = 128 * 2 ** 20;

const KEPT_FOR_EVER: RetentionDays = { frames: 0, marks: 0, audio: 0, statistics: 0 };

/** Starts archiving. Throws CONFIGURATION for options out of range. */
export async function startArchiver(role: { context: Context; log: Log; store: Store; options?: ArchiverOptions }): Promise<Service> {
  const archiver = new Archiver(role);
  await archiver.start();
  return archiver;
}

class Archiver implements Service {
  readonly name = 'archiver';
  readonly #log: Log;
  readonly #limitedLog: RateLimitedLog;
  readonly #context: Context;
  readonly #config: CutConfig;
  readonly #idleMs: number;
  readonly #metrics: ArchiverMetrics;
  readonly #writer: ObjectWriter;
  readonly #memory: ArchiveMemory;
  readonly #upkeep: Upkeep;
  readonly #partitions = new Set<PartitionArchiver>();
  #consumer: LogConsumer | undefined;
  #stopped: string | undefined;

  constructor({ context, log, store, options = {} }: { context: Context; log: Log; store: Store; options?: ArchiverOptions }) {
    const { idleMs, memoryBytes, retainDays, upkeepMs, ...config } = options;
    this.#log = log;
    this.#limitedLog = new RateLimitedLog(context.logger);
    this.#context = context;
    this.#config = checkConfig(config);
    this.#idleMs = idleMs ?? this.#config.windowMs;
    this.#metrics = new ArchiverMetrics(context);
    this.#memory = makeArchiveMemory(memoryBytes ?? ARCHIVE_MEMORY_BYTES, this.#metrics);
    this.#writer = new ObjectWriter({ store, metrics: this.#metrics, log: this.#limitedLog });
    this.#upkeep = new Upkeep({
      store,
      days: { ...KEPT_FOR_EVER, ...retainDays },
      intervalMs: upkeepMs ?? UPKEEP_MS,
      metrics: this.#metrics,
      limitedLog: this.#limitedLog,
      now: () => Math.floor(context.clock.nowUnixUs() / 1000),
    });
  }

  async start(): Promise<void> {
    this.#consumer = await this.#log.consume((partition, signal) => this.#run(partition, signal));
    // #run has already reported its failures; this reports the group's own failures.
    this.#consumer.failed.catch((error: unknown) => this.#stop(error));
  }

  unready(): string | undefined {
    if (this.#stopped !== undefined) return this.#stopped;
    return this.#writer.failing > 0 ? 'the object store fails; the archiver is retrying' : undefined;
  }

  /**
   * Ends every partition's cut if the log belongs to this process alone; otherwise another member
   * continues from here.
   */
  async drain(): Promise<void> {
    if (!this.#log.embedded) return;
    const drained = await Promise.allSettled([...this.#partitions].map((partition) => partition.drain()));
    for (const result of drained)
      if (result.status === 'rejected')
        this.#context.logger.warn(
          { error: String(result.reason) },
          'a cut could not be ended; it will be ended when the log accepts entries again',
        );
  }

  async close(): Promise<void> {
    await this.#consumer?.close();
  }

  async #run(partition: LogPartition, signal: AbortSignal): Promise<void> {
    const archiver = new PartitionArchiver({
      log: this.#log.id,
      partition,
      writer: this.#writer,
      memory: this.#memory,
      config: this.#config,
      idleMs: this.#idleMs,
      metrics: this.#metrics,
      limitedLog: this.#limitedLog,
      signal,
    });
    this.#partitions.add(archiver);
    const returned = new AbortController();
    const name = { log: this.#log.id, partition: partition.number };
    const upkeep = this.#upkeep.run(name, () => archiver.manifest, AbortSignal.any([signal, returned.signal]));
    try {
      await archiver.run();
    } catch (error) {
      this.#metrics.partitionsStopped.inc();
      this.#stop(error, partition.number);
      throw error;
    } finally {
      this.#partitions.delete(archiver);
      returned.abort();
      await upkeep;
    }
  }

  #stop(error: unknown, partition?: number): void {
    if (this.#stopped !== undefined) return;
    const where = partition === undefined ? 'the archiver' : `archiving of partition ${partition}`;
    this.#stopped = `${where} has stopped: ${error instanceof Error ? error.message : String(error)}`;
    this.#context.logger.fatal({ partition, error }, this.#stopped);
  }
}

function checkConfig(config: Partial<CutConfig>): CutConfig {
  const result = CutConfigSchema.safeParse({ ...CUT_CONFIG, ...config });
  if (!result.success)
    throw new HayateError(
      'CONFIGURATION',
      `archiver options: ${result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')}`,
    );
  return result.data;
}
