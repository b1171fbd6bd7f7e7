// Archivers that fail in every way: their process dies at any call of log or store, the store
// fails, batches have any size, and they are paused between any two steps until others have
// overtaken them. Their result must equal that of a plain run over the same log.
import assert from 'node:assert/strict';
import { decodeManifest, encodeManifest, firstManifest, type Manifest } from '../../packages/server/src/archive/layout/manifest.ts';
import { manifestKey } from '../../packages/server/src/archive/layout/path.ts';
import { type ArchiverOptions, startArchiver } from '../../packages/server/src/archiver/archiver.ts';
import { CutBuilder } from '../../packages/server/src/archiver/cut/cut.ts';
import { createContext } from '../../packages/server/src/kernel/context.ts';
import { openFileLog } from '../../packages/server/src/log/file/open.ts';
import { type Log, type LogEntry, type LogPartition, LogRefusedError } from '../../packages/server/src/log/log.ts';
import { interceptCalls, type Place } from '../support/archive-run.ts';
import { poll } from '../support/poll.ts';

/** Random integers from 0 to before `below`. */
type Random = (below: number) => number;

/**
 * Lets archivers take steps, each a call of log or store, and pauses some of them until the others
 * have taken many.
 */
export class Turns {
  readonly #random: Random;
  #steps = 0;
  #awake = 0;
  #paused: { until: number; resume: () => void }[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  /** An archiver begins. */
  enter(): void {
    this.#awake++;
  }

  /** An archiver has ended. If all others are paused, they resume. */
  leave(): void {
    this.#awake--;
    this.#resume();
  }

  /** One step: returns at once, or after a pause. */
  async step(): Promise<void> {
    this.#steps++;
    this.#resume();
    if (this.#random(12) > 0 || this.#awake === 1) return;
    this.#awake--;
    await new Promise<void>((resume) => this.#paused.push({ until: this.#steps + this.#random(400), resume }));
    this.#awake++;
  }

  #resume(): void {
    const due = this.#paused.filter(({ until }) => until <= this.#steps || this.#awake === 0);
    this.#paused = this.#paused.filter((one) => !due.includes(one));
    for (const { resume } of due) resume();
  }
}

/** One archiver, and its faults. */
interface FaultyArchiver {
  turns: Turns;
  random: Random;
  /** The process dies once in this many calls of log and store; 0: never. */
  deathsIn: number;
  /** The store fails once in this many calls; 0: never. */
  failuresIn: number;
  /** Options of each life. */
  options: () => ArchiverOptions;
}

const DEAD = 'the process is dead';

/**
 * Archives until everything before `end` is committed in this place's log, restarting after each
 * death. Returns the number of lives.
 */
export async function runFaultyArchiver(
  end: number,
  { directory, store }: Pick<Place, 'directory' | 'store'>,
  faults: FaultyArchiver,
): Promise<number> {
  const { turns, random, deathsIn, failuresIn, options } = faults;
  turns.enter();
  for (let lives = 1; ; lives++) {
    const life = { dead: false, committed: 0 };
    const step = async (): Promise<void> => {
      await turns.step();
      life.dead ||= deathsIn > 0 && random(deathsIn) === 0;
      if (life.dead) throw new Error(DEAD);
    };
    const failing = interceptCalls(store, async () => {
      await step();
      if (failuresIn > 0 && random(failuresIn) === 0) throw new Error('the store fails');
    });
    const log = await openFileLog({ directory });
    const archiver = await startArchiver({
      context: createContext({ logLevel: 'silent' }),
      log: steppingLog(log, step, random, (offset) => (life.committed = offset)),
      store: failing,
      options: { upkeepMs: 0, ...options(), idleMs: 3_600_000 },
    });
    const stopped = () => archiver.unready()?.includes('stopped') === true;
    await poll('the end of the log or of the process', () => life.dead || stopped() || life.committed >= end, { timeoutMs: 50_000 });
    const reason = stopped() && !life.dead ? archiver.unready() : undefined;
    await archiver.close();
    await log.close();
    assert.equal(reason, undefined);
    if (life.dead) continue;
    turns.leave();
    return lives;
  }
}

/** A log whose reader takes a step before each batch, of any size, and before each commit. */
function steppingLog(log: Log, step: () => Promise<void>, random: Random, committed: (offset: number) => void): Log {
  const wrap = (partition: LogPartition): LogPartition => ({
    number: partition.number,
    earliestOffset: () => partition.earliestOffset(),
    committedOffset: () => partition.committedOffset(),
    // Each archiver has a copy of the log, which must remain a copy.
    append: () => Promise.reject(new LogRefusedError('closed', 'the log takes no ticks')),
    commit: async (offset) => {
      await step();
      await partition.commit(offset);
      committed(offset);
    },
    async *read(offset, signal) {
      for await (const entries of partition.read(offset, signal)) {
        for (let at = 0; at < entries.length; ) {
          await step();
          const size = 1 + random(random(4) === 0 ? 3 : 200);
          yield entries.slice(at, at + size);
          at += size;
        }
      }
    },
  });
  return {
    ...{ id: log.id, partitionCount: log.partitionCount, embedded: log.embedded },
    append: (key, value) => log.append(key, value),
    writable: () => log.writable(),
    consume: (run) => log.consume((partition, signal) => run(wrap(partition), signal)),
    close: () => log.close(),
  };
}

/**
 * The objects of a plain run over a log up to `end`, entry by entry: no process, no store, no
 * concurrency. Each cut obeys the configuration in its manifest in `store`.
 */
export async function plainRun(end: number, { directory, store }: Pick<Place, 'directory' | 'store'>): Promise<Map<string, Uint8Array>> {
  const log = await openFileLog({ directory });
  const objects = new Map<string, Uint8Array>();
  try {
    const name = { log: log.id, partition: 0 };
    const found = async (start: number): Promise<Manifest> => {
      const key = manifestKey(name, start);
      return decodeManifest((await store.get(key)) ?? assert.fail(`${key} is missing`), key);
    };
    let manifest = firstManifest(log.id, 0, 0, (await found(0)).config);
    let cut = new CutBuilder(manifest);
    let written: { key: string; digest: string }[] = [];
    const endCut = async (): Promise<void> => {
      await cut.finish();
      for (const { key, encode } of cut.takePlanned()) {
        const { bytes, digest } = await encode();
        objects.set(key, bytes);
        written.push({ key, digest });
      }
      objects.set(manifestKey(manifest, manifest.start), encodeManifest(manifest));
      manifest = cut.nextManifest(written, (await found(cut.nextOffset)).config);
      written = [];
      cut = new CutBuilder(manifest);
    };
    for (const entry of await readEntries(log, end)) {
      if (!cut.accepts(entry)) await endCut();
      cut.add(entry);
      if (cut.ended) await endCut();
    }
    objects.set(manifestKey(manifest, manifest.start), encodeManifest(manifest));
  } finally {
    await log.close();
  }
  return new Map([...objects].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The entries before `end`. */
async function readEntries(log: Log, end: number): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  const done = Promise.withResolvers<void>();
  const consumer = await log.consume(async (partition, signal) => {
    for await (const batch of partition.read(0, signal)) {
      entries.push(...batch);
      if (entries.length >= end) done.resolve();
    }
  });
  await done.promise;
  await consumer.close();
  return entries.slice(0, end);
}

/**
 * The objects of a store up to the manifest of `end`. A tick on a full memory may have ended more
 * cuts after it.
 */
export function objectsUpTo(end: number, objects: ReadonlyMap<string, Uint8Array>): Map<string, Uint8Array> {
  const kept = new Map(objects);
  for (const [key, bytes] of objects) {
    if (!key.startsWith('cuts/')) continue;
    const manifest = decodeManifest(bytes, key);
    if (manifest.start <= end) continue;
    kept.delete(key);
    for (const { key: object } of manifest.previous?.objects ?? []) kept.delete(object);
  }
  return kept;
}
