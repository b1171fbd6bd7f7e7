// Records of upkeep and of erasure: a written record is read back, and other content is refused.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { makePlace } from '../../../../../test/support/archive-run.ts';
import { broadcastKey } from './broadcast-name.ts';
import { completeErasure, listErased, readErasure, requestErasure } from './erasure-record.ts';
import { encodeRecord } from './json-record.ts';
import { erasedKey, retainedKey } from './path.ts';
import { everythingRetained, type Retained, readRetained, writeRetained } from './retained.ts';

const NAME = { log: 'log', partition: 3 };
const offset = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const byKind = { frames: offset, marks: offset, audio: offset, statistics: offset };
const retained: fc.Arbitrary<Retained> = fc.record(
  {
    format: fc.constant('hayate-retained-1' as const),
    log: fc.constant(NAME.log),
    partition: fc.constant(NAME.partition),
    ...byKind,
    cuts: offset,
    deleted: fc.record(byKind, { noNullPrototype: true }),
    hourly: offset,
  },
  { noNullPrototype: true },
);

test('a retention record is read back as it was written, and without one everything counts as retained', async (t) => {
  const { store } = await makePlace(t);
  assert.deepEqual(await readRetained(store, NAME), everythingRetained(NAME));
  await fc.assert(
    fc.asyncProperty(retained, async (record) => {
      await writeRetained(store, record);
      assert.deepEqual(await readRetained(store, NAME), record);
    }),
    { numRuns: 20 },
  );
});

test('bytes that are not a valid record are refused as CORRUPT', async (t) => {
  const { store } = await makePlace(t);
  const good = everythingRetained(NAME);
  const broadcast = { stream: 'aki', epoch: '0123456789abcdef' };
  const { hourly: _, ...lacking } = good;
  const bad = [
    ...[{ ...good, more: 1 }, { ...good, frames: -1 }, { ...good, format: 'hayate-retained-2' }, lacking, []].map(encodeRecord),
    Uint8Array.of(0xff),
    new Uint8Array(0),
  ];
  for (const bytes of bad) {
    await store.replace(retainedKey(NAME), bytes);
    await assert.rejects(readRetained(store, NAME), { code: 'CORRUPT' });
    await store.replace(erasedKey(broadcast), bytes);
    await assert.rejects(readErasure(store, broadcast), { code: 'CORRUPT' });
  }
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (junk) => {
      await store.replace(retainedKey(NAME), junk);
      await assert.rejects(readRetained(store, NAME), { code: 'CORRUPT' });
    }),
    { numRuns: 30 },
  );
});

test('a broadcast has one erasure record, which the first request writes and completion fills in', async (t) => {
  const { store } = await makePlace(t);
  const broadcast = { stream: 'aki', epoch: '0123456789abcdef' };
  assert.equal(await readErasure(store, broadcast), undefined);
  const record = await requestErasure(store, broadcast, 1_000);
  assert.deepEqual(await requestErasure(store, broadcast, 2_000), record);
  assert.deepEqual(await readErasure(store, broadcast), record);
  await completeErasure(store, record, { completedUnixMs: 3_000, frames: 7 });
  assert.deepEqual(await readErasure(store, broadcast), { ...record, completedUnixMs: 3_000, frames: 7 });
  await requestErasure(store, { ...broadcast, stream: 'akira' }, 1);
  assert.deepEqual(await listErased(store, 'aki'), new Set([broadcastKey(broadcast)]));
  assert.equal((await listErased(store)).size, 2);
});
