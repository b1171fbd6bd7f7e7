import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Registry } from '@prometheus-io/client';
import { tempDir } from '../../../../test/support/temp-dir.ts';
import { keys, storeContract } from './contract.ts';
import { openFsStore } from './fs/open.ts';
import { measureStore } from './measured-store.ts';

let opened = 0;
storeContract(
  'measured store',
  async (t) => measureStore(await openFsStore({ directory: join(tempDir(t), String(opened++)) }), new Registry()),
  { deletesFolders: true },
);

test('every call of a measured store is counted once, with its bytes, and every failure by code', async (t) => {
  const registry = new Registry();
  const store = measureStore(await openFsStore({ directory: tempDir(t) }), registry);
  assert.equal(await store.putIfAbsent('a/b', new Uint8Array(10)), true);
  assert.equal(await store.putIfAbsent('a/b', new Uint8Array(10)), false);
  await store.replace('a/b', new Uint8Array(7));
  await store.get('a/b', { offset: 2, length: 3 });
  const going = store.get('a/c');
  assert.match(await registry.metrics(), /^hayate_store_calls_open\{call="get"\} 1$/m);
  await going;
  assert.deepEqual(await keys(store, ''), ['a/b']);
  for await (const _ of store.list('')) break;
  await assert.rejects(store.get('/'), { code: 'BAD_REQUEST' });
  const text = await registry.metrics();
  const count = (line: string): number => Number(new RegExp(`^${line} (\\S+)$`, 'm').exec(text)?.[1]);
  assert.deepEqual(
    ['put', 'replace', 'get', 'list'].map((call) => count(`hayate_store_call_seconds_count\\{call="${call}"\\}`)),
    [2, 1, 3, 2],
  );
  assert.deepEqual(
    ['put', 'replace', 'get', 'list'].map((call) => count(`hayate_store_calls_open\\{call="${call}"\\}`)),
    [0, 0, 0, 0],
  );
  assert.equal(count('hayate_store_written_bytes_total'), 17);
  assert.equal(count('hayate_store_read_bytes_total'), 3);
  assert.equal(count('hayate_store_failures_total\\{call="get",code="BAD_REQUEST"\\}'), 1);
  assert.equal(count('hayate_store_failures_total\\{call="put",code="UNREACHABLE"\\}'), 0);
});
