// The store in a bucket of a real server with the JSON API of Google Cloud Storage.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startGcs } from '../../../../../test/support/gcs.ts';
import { shareObjectServer } from '../../../../../test/support/s3.ts';
import { startStoreFaultProxy } from '../../../../../test/support/store-fault-proxy.ts';
import { keys, storeContract } from '../contract.ts';
import { storeFaultContract } from '../fault-contract.ts';
import { checkPutIfAbsent } from '../remote-store.ts';
import { openGcsStore } from './open.ts';

const gcs = shareObjectServer(startGcs);
let opened = 0;
storeContract('GCS store', async (t) => {
  const server = await gcs(t);
  if (server === undefined) return undefined;
  const { bucket, endpoint } = server;
  return openGcsStore({ bucket, endpoint, prefix: `test/${opened++}/`, timeoutMs: 20_000, pageKeys: 7 });
});

storeFaultContract('GCS store', async (t) => {
  const server = await gcs(t);
  if (server === undefined) return undefined;
  const proxy = await startStoreFaultProxy(t, server.endpoint);
  const prefix = `test/${opened++}/`;
  return {
    proxy,
    prefix,
    open: (way, timeoutMs, requestsMax = 64) => {
      const { endpoint } = way === 'proxy' ? proxy : server;
      return openGcsStore({ bucket: server.bucket, endpoint, prefix, timeoutMs, requestsMax, pageKeys: 2, pauseMs: 5 });
    },
  };
});

test('a whole object that was corrupted in transit is requested again', async (t) => {
  const server = await gcs(t);
  if (server === undefined) return;
  const proxy = await startStoreFaultProxy(t, server.endpoint);
  const { bucket } = server;
  const store = await openGcsStore({ bucket, endpoint: proxy.endpoint, prefix: `test/${opened++}/`, timeoutMs: 20_000, pauseMs: 5 });
  await store.putIfAbsent('a', Buffer.from('bytes'));
  let left = 3;
  proxy.plan = () => (left-- > 0 ? 'flip-answer' : undefined);
  assert.equal(Buffer.from((await store.get('a')) ?? []).toString(), 'bytes');
  left = 4;
  await assert.rejects(store.get('a'), { code: 'UNREACHABLE', temporary: true });
  await store.close();
});

test('a server that overwrites existing objects is detected', async (t) => {
  const server = await gcs(t);
  if (server === undefined) return;
  const pathOf = (path: string): string => path.replace(/&ifGenerationMatch=0/, '');
  const { endpoint } = await startStoreFaultProxy(t, server.endpoint, undefined, pathOf);
  const open = (at: string) => openGcsStore({ bucket: server.bucket, endpoint: at, prefix: `test/${opened++}/`, timeoutMs: 20_000 });
  const [good, bad] = [await open(server.endpoint), await open(endpoint)];
  await checkPutIfAbsent(good);
  await assert.rejects(checkPutIfAbsent(bad), { code: 'CONFIGURATION' });
  for (const store of [good, bad]) assert.deepEqual(await keys(store, ''), []);
});
