// Archives one partition while it is assigned to this process. It reads the log from the committed
// manifest on, stores each cut's objects, then the next manifest, then commits. After a crash
// between any two of these steps the cut is done again, and its objects are equal. It holds at most
// one cut in memory; reading waits for the store, and for memory.

import { create, toBinary } from '@bufbuild/protobuf';
import { RecordSchema } from '@hayate/protocol/server';
import type { CutConfig } from '../archive/layout/cut-config.ts';
import { decodeManifest, encodeManifest, firstManifest, type Manifest } from '../archive/layout/manifest.ts';
import { manifestKey } from '../archive/layout/path.ts';
import { concurrently } from '../kernel/concurrently.ts';
import { HayateError } from '../kernel/error.ts';
import { Pace } from '../kernel/pace.ts';
import type { RateLimitedLog } from '../kernel/rate-limited-log.ts';
import type { LogEntry, LogPartition } from '../log/log.ts';
import { STORE_CONCURRENCY } from '../store/store-concurrency.ts';
import type { ArchiveMemory } from './archive-memory.ts';
import type { ArchiverMetrics } from './archiver-metrics.ts';
import { CutBuilder } from './cut/cut.ts';
import type { Output, PlannedObject } from './cut/planned-object.ts';
import type { MemoryShare } from './memory-budget.ts';
import type { ObjectWriter } from './object-writer.ts';

const CUT_TICK = toBinary(RecordSchema, create(RecordSchema, { body: { case: 'tick', value: { cut: true } } }));

interface PartitionArchiverOptions {
  log: string;
  partition: LogPartition;
  writer: ObjectWriter;
  /** Shared by the process's partitions. */
  memory: ArchiveMemory;
  /** Configuration for manifests that this process is the first to write. */
  config: CutConfig;
  /**
   * A partition with open data gets a tick, which ends its cut, after this much silence,
   * milliseconds.
   */
  idleMs: number;
  metrics: ArchiverMetrics;
  limitedLog: RateLimitedLog;
  /** Aborts when the partition is taken away. */
  signal: AbortSignal;
}

/** One partition's archiver. */
export class PartitionArchiver {
  readonly #options: PartitionArchiverOptions;
  #cut: CutBuilder | undefined;
  #written: { key: string; digest: string }[] = [];
  #idleTimer: NodeJS.Timeout | undefined;
  #committed = 0;
  #waiters: { offset: number; resolve: () => void }[] = [];
  #returned = false;
  #openBytes = 0;
  readonly #share: MemoryShare;
  /** Offset of this archiver's tick that has not been read yet. */
  #tickAhead = -1;

  constructor(options: PartitionArchiverOptions) {
    this.#options = options;
    this.#share = options.memory.budget.join(() => void this.#tickOnce());
  }

  /**
   * The manifest of the open cut: everything before it is committed. Undefined before it is read.
   */
  get manifest(): Manifest | undefined {
    return this.#cut?.manifest;
  }

  /**
   * Runs until the signal aborts. Throws the errors that stop the partition for good: CORRUPT,
   * CONFLICT.
   */
  async run(): Promise<void> {
    const { partition, signal, metrics } = this.#options;
    metrics.partitions.inc();
    try {
      this.#cut = new CutBuilder(await this.#openManifest(), this.#options.memory.buffers);
      const pace = new Pace();
      for await (const entries of partition.read(this.#cut.manifest.start, signal)) {
        clearTimeout(this.#idleTimer);
        pace.begin();
        for (const entry of entries) {
          if (!this.#share.open) await this.#share.wait(signal);
          if (signal.aborted) break;
          await this.#take(entry);
          if (pace.over) await pace.giveWay();
        }
        this.#watchIdle();
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      clearTimeout(this.#idleTimer);
      this.#returned = true;
      for (const { resolve } of this.#waiters) resolve();
      this.#countOpenBytes(0);
      this.#share.leave();
      metrics.partitions.dec();
    }
  }

  /**
   * Ends the cut after all entries in the log. Resolves once that is committed, or `run` has
   * returned.
   */
  async drain(): Promise<void> {
    const { partition, metrics } = this.#options;
    const tick = await partition.append(CUT_TICK);
    metrics.ticks.inc();
    if (this.#returned || this.#committed > tick) return;
    await new Promise<void>((resolve) => this.#waiters.push({ offset: tick, resolve }));
  }

  /** Returns the manifest to begin with: the committed offset's, or a first one. */
  async #openManifest(): Promise<Manifest> {
    const { log, partition, config, writer, signal } = this.#options;
    const committed = await partition.committedOffset();
    if (committed === undefined) return this.#agree(firstManifest(log, partition.number, await partition.earliestOffset(), config));
    const key = manifestKey({ log, partition: partition.number }, committed);
    const bytes = await writer.get(key, signal);
    if (bytes === undefined) throw new HayateError('CORRUPT', `${key} is missing, although its offset is committed`);
    return decodeManifest(bytes, key);
  }

  /**
   * Stores a manifest, or takes the existing one: its configuration is in force, and its state must
   * be equal.
   */
  async #agree(manifest: Manifest): Promise<Manifest> {
    const key = manifestKey(manifest, manifest.start);
    const found = await this.#put(key, 'cuts', { bytes: encodeManifest(manifest), digest: manifest.digest });
    return found === undefined ? manifest : decodeManifest(found.bytes, key);
  }

  async #take(entry: LogEntry): Promise<void> {
    const { metrics } = this.#options;
    if (this.#cut?.accepts(entry) === false) await this.#endCut(this.#cut);
    const cut = this.#cut;
    if (cut === undefined) throw new Error('a partition that reads has a cut');
    const { frames, duplicates } = cut.add(entry);
    metrics.entries.inc();
    metrics.frames.inc(frames);
    metrics.duplicates.inc(duplicates);
    this.#countOpenBytes(cut.valueBytes);
    this.#share.hold(cut.heldBytes);
    if (cut.hasPlanned) await this.#store(cut);
    // Ticks and full cuts are known at once; the end of a cut's last window shows in the next
    // entry.
    if (cut.ended) await this.#endCut(cut);
  }

  async #endCut(cut: CutBuilder): Promise<void> {
    const { partition, config, metrics } = this.#options;
    await cut.finish();
    await this.#store(cut);
    cut.release();
    const next = await this.#agree(cut.nextManifest(this.#written, config));
    await partition.commit(next.start);
    metrics.cuts.inc();
    this.#cut = new CutBuilder(next, this.#options.memory.buffers);
    this.#written = [];
    this.#countOpenBytes(0);
    this.#share.hold(0);
    this.#committed = next.start;
    this.#waiters = this.#waiters.filter(({ offset, resolve }) => {
      if (offset >= next.start) return true;
      resolve();
      return false;
    });
  }

  async #store(cut: CutBuilder): Promise<void> {
    const { gate } = this.#options.memory;
    await concurrently(consume(cut.takePlanned()), STORE_CONCURRENCY, async (object) => {
      const stored = await gate.pass(object.bytes, () => this.#storeOne(object));
      this.#written.push(stored);
      object.release?.();
    });
    this.#share.hold(cut.heldBytes);
  }

  async #storeOne({ key, output, encode }: PlannedObject): Promise<{ key: string; digest: string }> {
    const encoded = await encode();
    const found = await this.#put(key, output, encoded);
    return { key, digest: found?.digest ?? encoded.digest };
  }

  /**
   * If a cut is repeated from an erased manifest, the erased content is missing, so its objects may
   * differ from the stored ones.
   */
  #put(key: string, output: Output | 'cuts', object: { bytes: Uint8Array; digest: string }): ReturnType<ObjectWriter['put']> {
    const { writer, signal } = this.#options;
    return writer.put(key, output, object, { signal, keepErased: this.#cut?.manifest.erased !== undefined });
  }

  #watchIdle(): void {
    clearTimeout(this.#idleTimer);
    if (this.#cut?.hasData !== true || this.#returned) return;
    this.#idleTimer = setTimeout(() => void this.#tick(), this.#options.idleMs);
  }

  /**
   * Appends a tick and returns its offset. Returns undefined if the log refused it; it is tried
   * again when the partition is silent.
   */
  async #tick(): Promise<number | undefined> {
    const { partition, metrics, limitedLog, signal } = this.#options;
    try {
      const offset = await partition.append(CUT_TICK);
      metrics.ticks.inc();
      return offset;
    } catch (error) {
      if (signal.aborted) return undefined;
      limitedLog.warn('the log refused a tick; retrying', { partition: partition.number, error: String(error) });
      this.#watchIdle();
      return undefined;
    }
  }

  /**
   * Ends the cut soon, because others wait for its memory. Appends no tick if one is already on its
   * way.
   */
  async #tickOnce(): Promise<void> {
    if (this.#tickAhead >= (this.#cut?.nextOffset ?? 0)) return;
    this.#tickAhead = Number.MAX_SAFE_INTEGER;
    this.#tickAhead = (await this.#tick()) ?? -1;
  }

  #countOpenBytes(bytes: number): void {
    this.#options.metrics.openBytes.inc(bytes - this.#openBytes);
    this.#openBytes = bytes;
  }
}

/** Yields the items and removes each from the list, so that nothing holds a stored object. */
function* consume<T>(items: T[]): Iterable<T> {
  for (let item = items.shift(); item !== undefined; item = items.shift()) yield item;
}
