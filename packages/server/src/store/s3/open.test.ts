// The store in a bucket of a real S3 server.
import { shareObjectServer, startS3 } from '../../../../../test/support/s3.ts';
import { startStoreFaultProxy } from '../../../../../test/support/store-fault-proxy.ts';
import { storeContract } from '../contract.ts';
import { storeFaultContract } from '../fault-contract.ts';
import { openS3Store } from './open.ts';

const s3 = shareObjectServer(startS3);
let opened = 0;
storeContract('S3 store', async (t) => {
  const server = await s3(t);
  if (server === undefined) return undefined;
  Object.assign(process.env, server.env);
  const { bucket, endpoint } = server;
  // Pages of seven keys, so that listings have several pages.
  return openS3Store({ bucket, endpoint, prefix: `test/${opened++}/`, region: 'us-east-1', timeoutMs: 20_000, pageKeys: 7 });
});

storeFaultContract('S3 store', async (t) => {
  const server = await s3(t);
  if (server === undefined) return undefined;
  Object.assign(process.env, server.env);
  const proxy = await startStoreFaultProxy(t, server.endpoint);
  const prefix = `test/${opened++}/`;
  return {
    proxy,
    prefix,
    open: (way, timeoutMs, requestsMax = 64) => {
      const { endpoint } = way === 'proxy' ? proxy : server;
      return openS3Store({ bucket: server.bucket, endpoint, prefix, region: 'us-east-1', timeoutMs, requestsMax, pageKeys: 2, pauseMs: 5 });
    },
  };
});
