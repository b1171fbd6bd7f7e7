import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { makeLog } from '../../../../test/support/archive-broadcast.ts';
import { interceptCalls, makePlace, type Place, readObjects } from '../../../../test/support/archive-run.ts';
import { CUT_CONFIG, type CutConfig } from '../archive/layout/cut-config.ts';
import { firstManifest } from '../archive/layout/manifest.ts';
import { decodeFrames } from '../archive/read/frame-reader.ts';
import { createContext } from '../kernel/context.ts';
import { openFileLog } from '../log/file/open.ts';
import type { LogEntry } from '../log/log.ts';
import { BUFFER_BYTES } from './archive-memory.ts';
import { startArchiver } from './archiver.ts';
import { CutBuilder } from './cut/cut.ts';

const PARTITIONS = 8;
const config: CutConfig = { ...CUT_CONFIG, windowMs: 3_600_000, cutBytes: 300_000 };

const packetOf = (index: number) => Uint8Array.of(0x78, index & 255, (index >> 8) & 255, 7);

/** Writes a log of many streams in several partitions. Returns the entries of each partition. */
async function writeStreams(directory: string): Promise<LogEntry[][]> {
  let nowMs = 0;
  const log = await openFileLog({ directory, partitions: PARTITIONS, now: () => nowMs });
  const entries: LogEntry[][] = Array.from({ length: PARTITIONS }, () => []);
  // The same broadcasts, each at its own time, until every partition has several cuts.
  for (let seed = 1; seed <= 30; seed++) {
    for (const { stream, appendTimeMs, value } of makeLog(seed, 30, packetOf)) {
      nowMs = Math.max(nowMs, appendTimeMs);
      const { partition, offset } = await log.append(stream, value);
      entries[partition]?.push({ offset, appendTimeMs: nowMs, key: stream, value });
    }
  }
  await log.close();
  return entries;
}

/** The maximum memory that one cut of these entries holds. */
async function heldByOneCut(entries: readonly LogEntry[]): Promise<number> {
  let most = 0;
  let cut = new CutBuilder(firstManifest('log', 0, 0, config));
  for (const entry of entries) {
    if (cut.ended || !cut.accepts(entry)) {
      await cut.finish();
      cut = new CutBuilder(cut.nextManifest([], config));
    }
    cut.add(entry);
    most = Math.max(most, cut.heldBytes);
  }
  return most;
}

/**
 * Archives everything. Returns the maximum that all partitions held, sampled at each call of the
 * store, and how often a partition waited.
 */
async function archive(t: TestContext, place: Place, memoryBytes: number): Promise<{ heldMax: number; waits: number }> {
  const context = createContext({ logLevel: 'silent' });
  const metric = async (name: string): Promise<number> => (await context.registry.getSingleMetric(name)?.get())?.values[0]?.value ?? 0;
  let heldMax = 0;
  const watched = interceptCalls(place.store, async () => {
    heldMax = Math.max(heldMax, await metric('hayate_archiver_held_bytes'));
  });
  const log = await openFileLog({ directory: place.directory });
  const archiver = await startArchiver({ context, log, store: watched, options: { ...config, memoryBytes, upkeepMs: 0 } });
  await archiver.drain?.();
  assert.equal(archiver.unready(), undefined);
  await archiver.close();
  await log.close();
  assert.equal(await metric('hayate_archiver_held_bytes'), 0, 'all memory is released');
  t.diagnostic(`${memoryBytes} bytes of memory: held ${heldMax}`);
  return { heldMax, waits: await metric('hayate_archiver_memory_waits_total') };
}

test('partitions together hold at most the budget and one cut, and the archive does not depend on the budget', async (t) => {
  const [bounded, free] = [await makePlace(t), await makePlace(t)];
  const entries = await writeStreams(bounded.directory);
  await writeStreams(free.directory);
  const oneCut = Math.max(...(await Promise.all(entries.map(heldByOneCut))));
  const memoryBytes = 100_000;
  const { heldMax, waits } = await archive(t, bounded, memoryBytes);
  // Each partition may have taken one more entry when the budget was already full: one buffer of
  // rows, and one for each of two voices.
  const pieces = entries.filter(({ length }) => length > 0).length * 3 * BUFFER_BYTES;
  assert.ok(heldMax <= memoryBytes + oneCut + pieces, `held ${heldMax}; budget ${memoryBytes}, one cut ${oneCut}, pieces ${pieces}`);
  assert.ok(waits > 0, 'partitions waited for one another');
  const plenty = await archive(t, free, 2 ** 30);
  assert.equal(plenty.waits, 0);
  assert.ok(plenty.heldMax > heldMax, 'without a bound they would have held more');
  const frames = async ({ store }: Place) => {
    const rows = [...(await readObjects(store, 'frames/'))].flatMap(([key, bytes]) => decodeFrames(key, bytes));
    return rows.map(({ stream, epoch, frame }) => `${stream} ${epoch} ${frame.toString('hex')}`).sort();
  };
  assert.deepEqual(await frames(bounded), await frames(free));
});
