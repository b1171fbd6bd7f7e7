// The embedded log: a directory of segment files (spec/log-file.md) that one process appends to and
// reads. An append resolves once it is fsynced. A crash at any moment loses no entry whose append
// resolved.
import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Registry } from '@prometheus-io/client';
import type { Logger } from 'pino';
import { makeDirectory, replaceFile, syncDirectory, writeFileDurably } from '../../kernel/durable-file.ts';
import { HayateError } from '../../kernel/error.ts';
import type { CommittedOffsets, Log, LogConsumer, LogPartition } from '../log.ts';
import { createLogMetric } from '../log-metric.ts';
import { type DirectoryLock, lockDirectory } from './directory-lock.ts';
import { FilePartition, readCommitted, readCommittedFile } from './file-partition.ts';
import { GroupCommit } from './group-commit.ts';
import { recoverExtent } from './recovery.ts';
import { listSegments, segmentPath } from './segment.ts';
import { type OpenFile, SegmentWriter } from './segment-writer.ts';
import { Space } from './space.ts';

const DEFAULTS = {
  /**
   * The log starts a new file beyond this size. At most a quarter of a partition's share of
   * `sizeBytesMax`.
   */
  segmentBytesMax: 64 * 2 ** 20,
  /** The limit for all segment files together; beyond it appends are refused. */
  sizeBytesMax: 20 * 2 ** 30,
  /** Committed segments of a partition are kept up to this many bytes ... */
  retainBytes: 2 ** 30,
  /** ... and up to this age, whichever is reached first. */
  retainMs: 24 * 3_600_000,
  /**
   * The limit for entries that wait to become durable, over all partitions; beyond it appends are
   * refused.
   */
  waitingBytesMax: 64 * 2 ** 20,
  /**
   * How long appends are refused after a failed write, before the next one tries the disk again.
   */
  retryMs: 1000,
};

/** The directory of the log and its limits. The defaults are above. */
interface FileLogOptions extends Partial<typeof DEFAULTS> {
  readonly directory: string;
  /** Fixed when the log is created (default 1). Later it may be omitted, or must be the same. */
  readonly partitions?: number;
  readonly registry?: Registry;
  readonly logger?: Pick<Logger, 'warn'>;
  /** Unix ms. */
  readonly now?: () => number;
  /** Opens segment files for writing. Tests pass one whose disk fails. */
  readonly openFile?: OpenFile;
}

/** The metadata that is stored when the log is created. */
interface Meta {
  readonly format: 1;
  readonly id: string;
  readonly partitions: number;
  readonly checksumSeed: number;
}

/** The partition of a key's entries. It can never change, as the files depend on it. */
export function partitionOf(key: string, partitions: number): number {
  return crc32(key) % partitions;
}

/**
 * Opens the log in `directory`, or creates it. Throws HayateError: IN_USE if another process has it
 * open, CORRUPT if entries are damaged or missing, CONFIGURATION if it has another number of
 * partitions.
 */
export async function openFileLog(options: FileLogOptions): Promise<Log> {
  await makeDirectory(options.directory);
  const lock = await lockDirectory(options.directory);
  try {
    const found = await readMeta(options.directory);
    // A process that was killed may have named log.json and not synced the name.
    if (found !== undefined) await syncDirectory(options.directory);
    const meta = found ?? (await makeLog(options.directory, options.partitions ?? 1));
    if (options.partitions !== undefined && options.partitions !== meta.partitions)
      throw new HayateError(
        'CONFIGURATION',
        `${options.directory} has ${meta.partitions} partitions, which cannot change to ${options.partitions}`,
      );
    return await FileLog.open(options, meta, lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

/**
 * The committed offset of each partition of the log in `directory`; undefined before the first
 * commit. It takes no lock, so it works while another process has the log open. Throws NOT_FOUND if
 * there is no log, CORRUPT.
 */
export async function readFileOffsets(directory: string): Promise<CommittedOffsets> {
  const meta = await readMeta(directory);
  if (meta === undefined) throw new HayateError('NOT_FOUND', `there is no log in ${directory}`);
  const numbers = Array.from({ length: meta.partitions }, (_, number) => number);
  const partitions = await Promise.all(numbers.map((number) => readCommittedFile(partitionDirectory(directory, number))));
  return { log: meta.id, partitions };
}

class FileLog implements Log {
  readonly id: string;
  readonly partitionCount: number;
  readonly embedded = true;
  readonly #space: Space;
  readonly #partitions: readonly FilePartition[];
  readonly #lock: DirectoryLock;
  #consumer: LogConsumer | undefined;
  #closing: Promise<void> | undefined;

  constructor(meta: Meta, space: Space, partitions: readonly FilePartition[], lock: DirectoryLock) {
    this.id = meta.id;
    this.partitionCount = meta.partitions;
    this.#space = space;
    this.#partitions = partitions;
    this.#lock = lock;
  }

  static async open(options: FileLogOptions, meta: Meta, lock: DirectoryLock): Promise<FileLog> {
    const { directory, registry, logger, openFile, now = Date.now } = options;
    const limits = { ...DEFAULTS, ...options };
    const { retryMs } = limits;
    const segmentBytesMax = Math.min(limits.segmentBytesMax, Math.floor(limits.sizeBytesMax / 4 / meta.partitions));
    const space = new Space(limits.sizeBytesMax, limits.waitingBytesMax);
    const partitions: FilePartition[] = [];
    const { checksumSeed } = meta;
    // The metric comes after every step that can fail, so that a failed open leaves nothing in the
    // registry.
    const extents = [];
    for (let number = 0; number < meta.partitions; number++) {
      const extent = await recoverExtent(partitionDirectory(directory, number), checksumSeed, (cut) =>
        logger?.warn(cut, 'removed an unfinished write from the end of the log'),
      );
      extents.push({ number, extent, committed: await readCommitted(extent) });
      space.sizeBytes += extent.segments.reduce((sum, segment) => sum + segment.bytes, 0);
    }
    const metric = createLogMetric(registry, { sizeBytes: () => space.sizeBytes, waitingBytes: () => space.waitingBytes });
    for (const { number, extent, committed } of extents) {
      const events = new EventEmitter();
      const writer = new SegmentWriter(extent, segmentBytesMax, openFile);
      const group = new GroupCommit({
        extent,
        writer,
        space,
        metric,
        segmentBytesMax,
        retryMs,
        now,
        onDurable: () => events.emit('durable'),
        onFailure: (err) => logger?.warn({ err, partition: number }, 'the log could not be written; appends are refused until it can'),
      });
      const partition = new FilePartition({
        number,
        extent,
        committed,
        group,
        writer,
        space,
        now,
        events,
        retention: limits,
        onUncommitted: (err) => logger?.warn({ err, partition: number }, 'the log could not store its committed offset; retrying'),
        onUndeleted: (err) => logger?.warn({ err }, 'an old log segment could not be deleted'),
      });
      await partition.retire();
      partitions.push(partition);
    }
    return new FileLog(meta, space, partitions, lock);
  }

  async append(key: string, value: Uint8Array): Promise<{ partition: number; offset: number }> {
    const partition = partitionOf(key, this.partitionCount);
    return { partition, offset: await this.#partition(partition).group.append(key, value) };
  }

  writable(): boolean {
    const room = !this.#space.full || this.#partitions.some((partition) => partition.reclaimable());
    return room && this.#partitions.every((partition) => partition.writable());
  }

  async consume(run: (partition: LogPartition, signal: AbortSignal) => Promise<void>): Promise<LogConsumer> {
    if (this.#consumer !== undefined) throw new HayateError('CONFLICT', 'a file log can have only one consumer at a time');
    const ending = new AbortController();
    const failed = Promise.withResolvers<never>();
    failed.promise.catch(() => undefined);
    const runs = this.#partitions.map(async (partition) => {
      partition.assign(ending.signal);
      try {
        await run(partition, ending.signal);
      } catch (error) {
        failed.reject(error);
      }
    });
    const consumer: LogConsumer = {
      failed: failed.promise,
      close: async () => {
        ending.abort();
        await Promise.all(runs);
        if (this.#consumer === consumer) this.#consumer = undefined;
      },
    };
    this.#consumer = consumer;
    return consumer;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const settled = this.#partitions.map((partition) => partition.group.close());
    await this.#consumer?.close();
    await Promise.all(settled);
    await Promise.all(this.#partitions.map((partition) => partition.close()));
    this.#lock.release();
  }

  #partition(number: number): FilePartition {
    const partition = this.#partitions[number];
    if (partition === undefined) throw new Error(`partition ${number} of ${this.partitionCount}`);
    return partition;
  }
}

function partitionDirectory(directory: string, number: number): string {
  return join(directory, `p=${String(number).padStart(3, '0')}`);
}

/** Creates the files of an empty log. Its meta file is written last and completes it. */
async function makeLog(directory: string, partitions: number): Promise<Meta> {
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > 1000)
    throw new HayateError('CONFIGURATION', `a log must have 1 to 1000 partitions, not ${partitions}`);
  for (let number = 0; number < partitions; number++) {
    const partition = partitionDirectory(directory, number);
    await makeDirectory(partition);
    if ((await listSegments(partition)).some((segment) => segment.bytes > 0))
      throw new HayateError('CORRUPT', `${directory} holds entries, but log.json is missing`);
    await writeFileDurably(segmentPath(partition, 0), '');
    await syncDirectory(partition);
  }
  const meta: Meta = { format: 1, id: randomBytes(8).toString('hex'), partitions, checksumSeed: randomBytes(4).readUInt32LE() };
  await replaceFile(join(directory, 'log.json'), `${JSON.stringify(meta)}\n`);
  return meta;
}

async function readMeta(directory: string): Promise<Meta | undefined> {
  const path = join(directory, 'log.json');
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    const meta: Meta = JSON.parse(text);
    const whole = (value: number, min: number, max: number) => Number.isInteger(value) && value >= min && value <= max;
    if (
      meta.format === 1 &&
      /^[A-Za-z0-9_-]{1,64}$/.test(meta.id) &&
      whole(meta.partitions, 1, 1000) &&
      whole(meta.checksumSeed, 0, 2 ** 32 - 1)
    )
      return meta;
  } catch (cause) {
    throw new HayateError('CORRUPT', `${path} is not JSON`, { cause });
  }
  throw new HayateError('CORRUPT', `${path} does not describe a log of format 1`);
}
