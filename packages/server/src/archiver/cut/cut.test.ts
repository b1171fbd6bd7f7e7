import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { EndedSchema, encodeFrame, Kind, mintEpoch, RangeSchema } from '@hayate/protocol';
import fc from 'fast-check';
import { audioPayload, batchValue, STARTED_MS, tickValue } from '../../../../../test/support/archive-broadcast.ts';
import { CUT_CONFIG, type CutConfig } from '../../archive/layout/cut-config.ts';
import { decodeManifest, encodeManifest, firstManifest, type Manifest } from '../../archive/layout/manifest.ts';
import type { LogEntry } from '../../log/log.ts';
import { CutBuilder } from './cut.ts';

const EPOCH = mintEpoch(STARTED_MS, 1);
const HOUR_MS = 3_600_000;

function entry(offset: number, afterMs: number, sequences: number[], epoch = EPOCH): LogEntry {
  const frames = sequences.map((sequence) =>
    encodeFrame({
      stream: 's',
      epoch,
      sequence,
      captureUs: 0,
      kind: Kind.AUDIO,
      position: sequence * 960,
      payload: audioPayload([Uint8Array.of(0x78, 1)]),
    }),
  );
  return { offset, appendTimeMs: STARTED_MS + afterMs, key: 's', value: batchValue('s', epoch, frames, STARTED_MS) };
}

function tick(offset: number, afterMs: number, cut: boolean): LogEntry {
  return { offset, appendTimeMs: STARTED_MS + afterMs, key: '', value: tickValue(cut) };
}

function begin(config: Partial<CutConfig> = {}): CutBuilder {
  return new CutBuilder(firstManifest('log', 0, 0, { ...CUT_CONFIG, ...config }));
}

/** Ends the cut. Returns the next manifest as a reader of the store sees it. */
async function next(cut: CutBuilder, config = cut.manifest.config): Promise<Manifest> {
  await cut.finish();
  return decodeManifest(encodeManifest(cut.nextManifest([], config)), 'test');
}

test('windows follow the running maximum of append times, and a cut ends after its number of windows', async () => {
  const cut = begin();
  cut.add(entry(0, 0, [0]));
  cut.add(entry(1, 30_000, [1]));
  cut.add(entry(2, -HOUR_MS, [2]));
  const keys = cut.takePlanned().map(({ key }) => key);
  assert.deepEqual(keys, ['frames/log/dt=2026-05-03/hour=17/p=000/00000000000000000000-00000000000000000001.avro']);
  assert.ok(cut.accepts(entry(3, 59_999, [3])));
  assert.ok(!cut.accepts(entry(3, 60_000, [3])));
  const following = new CutBuilder(await next(cut));
  assert.ok(following.accepts(entry(3, 3 * HOUR_MS, [3])), 'any entry may begin a cut');
});

test('a cut ends when its values reach the limit of bytes, or with a tick that asks for it', () => {
  const small = begin({ cutBytes: 100 });
  small.add(entry(0, 0, [0, 1]));
  assert.ok(small.ended && !small.accepts(entry(1, 0, [2])));
  const ticked = begin();
  ticked.add(entry(0, 0, [0]));
  ticked.add(tick(1, 0, false));
  assert.ok(!ticked.ended);
  ticked.add(tick(2, 0, true));
  assert.ok(ticked.ended && !ticked.accepts(tick(3, 0, false)));
});

test('quiet windows write no object, and the next object covers their offsets', async () => {
  const cut = begin({ windowsPerCut: 360 });
  cut.add(entry(0, 0, [0]));
  cut.add(tick(1, 10_000, false));
  cut.add(tick(2, 20_000, false));
  cut.add(entry(3, 70_000, [1]));
  const manifest = await next(cut);
  const ranges = cut
    .takePlanned()
    .map(({ output, key }) => `${output} ${key.match(/hour=\d\d/)?.[0] ?? ''} ${key.replace(/^.*\/0*(\d+)-0*(\d+)\.\w+$/, '$1-$2')}`);
  assert.deepEqual(
    ranges.filter((range) => !range.startsWith('audio')),
    ['frames hour=17 0-1', 'frames hour=18 1-4', 'statistics hour=17 0-1', 'statistics hour=18 1-4'],
  );
  assert.deepEqual(manifest.state.covered, { frames: 4, marks: 0, statistics: 4 });
});

test('sequences are remembered from cut to cut until an epoch is a day old, and duplicates are left out', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(60), { minLength: 1, maxLength: 60 }), fc.integer({ min: 1, max: 5 }), async (sequences, perCut) => {
      let cut = begin();
      const counts = { frames: 0, duplicates: 0 };
      for (const [offset, sequence] of sequences.entries()) {
        if (offset % perCut === perCut - 1) cut = new CutBuilder(await next(cut));
        const added = cut.add(entry(offset, offset * 1_000, [sequence]));
        counts.frames += added.frames;
        counts.duplicates += added.duplicates;
      }
      const distinct = new Set(sequences).size;
      assert.deepEqual(counts, { frames: distinct, duplicates: sequences.length - distinct });
    }),
  );
  const cut = begin();
  cut.add(entry(0, 0, [0, 1, 2]));
  const nearly = new CutBuilder(await next(cut));
  nearly.add(tick(1, 24 * HOUR_MS, true));
  assert.deepEqual(
    (await next(nearly)).state.epochs.map(({ seen }) => seen),
    [[[0, 2]]],
  );
  const later = new CutBuilder(await next(cut));
  later.add(tick(1, 24 * HOUR_MS + 10_000, true));
  assert.deepEqual((await next(later)).state.epochs, []);
});

test('numbers at the end of their range do not stop a cut', async () => {
  const cut = begin();
  const max = Number.MAX_SAFE_INTEGER;
  const frame = encodeFrame({
    stream: 's',
    epoch: EPOCH,
    sequence: max,
    captureUs: max,
    kind: Kind.AUDIO,
    participant: 0xffffffff,
    position: max,
    payload: audioPayload([Uint8Array.of(0x78, 1)]),
  });
  const dropped = [create(RangeSchema, { first: 0n, last: 2n ** 64n - 1n }), create(RangeSchema, { first: 5n, last: 4n })];
  const end = create(EndedSchema, { epoch: EPOCH, nextSequence: 2n ** 64n - 1n, reason: 1 });
  const value = batchValue('s', EPOCH, [frame], STARTED_MS, { dropped, end, viewers: 0xffffffff });
  cut.add({ offset: 0, appendTimeMs: STARTED_MS, key: 's', value });
  const manifest = await next(cut);
  assert.equal(manifest.state.epochs[0]?.ended, true);
  const outputs = cut.takePlanned();
  assert.deepEqual(outputs.map(({ output }) => output).sort(), ['frames', 'marks', 'statistics']);
  for (const object of outputs) assert.ok((await object.encode()).bytes.length > 0);
});

test('a log that skips an offset is refused', () => {
  const cut = begin();
  cut.add(entry(0, 0, [0]));
  assert.throws(() => cut.add(entry(2, 0, [1])), /expected offset 1/);
});

test('a manifest that was changed is refused', () => {
  const text = Buffer.from(encodeManifest(begin().manifest)).toString();
  for (const [from, to] of [
    ['"start":0', '"start":1'],
    ['hayate-cut-1', 'hayate-cut-2'],
    ['"epochs":[]', '"epochs":[],"more":1'],
    ['}', ''],
  ] as const)
    assert.throws(() => decodeManifest(Buffer.from(text.replace(from, to)), 'key'), { code: 'CORRUPT' });
});
