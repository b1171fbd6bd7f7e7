// Makes the keys of the archive's objects and reads them back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  erasedKey,
  type HourlyFolder,
  hourlyKey,
  hourlyPrefix,
  manifestKey,
  manifestPrefix,
  parseErasedKey,
  parseHourlyKey,
  parseManifestKey,
} from './path.ts';

const HOUR_MS = 3_600_000;

const name = fc.record({
  log: fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/),
  partition: fc.nat(100_000),
});
const offset = fc.nat({ max: Number.MAX_SAFE_INTEGER });

test('keys of manifests, hourly objects and records of erasure are read back as they were made', () => {
  fc.assert(
    fc.property(name, offset, offset, fc.nat(4_000_000_000_000), (where, start, end, timeMs) => {
      assert.deepEqual(parseManifestKey(manifestKey(where, start)), { ...where, start });
      assert.ok(manifestKey(where, start).startsWith(manifestPrefix(where)));
      for (const folder of ['frames', 'marks', 'statistics', 'hourly'] satisfies HourlyFolder[]) {
        const key = hourlyKey(folder, where, timeMs, { start, end });
        assert.ok(key.startsWith(hourlyPrefix(folder, where, timeMs)));
        assert.deepEqual(parseHourlyKey(key), { folder, ...where, start, end, hourMs: timeMs - (timeMs % HOUR_MS) });
      }
    }),
  );
  assert.deepEqual(parseErasedKey(erasedKey({ stream: 'Aki_-9', epoch: '0123456789abcdef' })), {
    stream: 'Aki_-9',
    epoch: '0123456789abcdef',
  });
});

test('keys of manifests sort by their offsets', () => {
  fc.assert(
    fc.property(offset, offset, (a, b) => {
      const where = { log: 'log', partition: 0 };
      assert.equal(manifestKey(where, a) < manifestKey(where, b), a < b);
    }),
  );
});

test('a text that is not a key of the kind is not read as one', () => {
  const good = hourlyKey('statistics', { log: 'l', partition: 1 }, 0, { start: 1, end: 2 });
  for (const key of ['', good.replace('parquet', 'avro'), good.replace('hour=00', 'hour=99'), `x${good}`, `${good}x`])
    assert.equal(parseHourlyKey(key), undefined, key);
  for (const key of ['erased/a b/0123456789abcdef.json', 'erased/a/0123456789ABCDEF.json', 'erased/a/x/0123456789abcdef.json'])
    assert.equal(parseErasedKey(key), undefined, key);
  for (const key of ['cuts/l/p=01/00000000000000000001.json', 'cuts/l/p=001/1.json']) assert.equal(parseManifestKey(key), undefined, key);
});
