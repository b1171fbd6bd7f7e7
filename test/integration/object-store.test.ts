// An archive in a bucket, as users run it: a server process that archives a short broadcast to a
// real object server, and the commands that read and verify it there, also when one request in five
// fails.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startGcs } from '../support/gcs.ts';
import { demoClip, runHayate, startHayateServer } from '../support/hayate.ts';
import { type ObjectServer, startS3 } from '../support/s3.ts';
import { type FaultPlan, seededFaults, startStoreFaultProxy } from '../support/store-fault-proxy.ts';
import { tempDir } from '../support/temp-dir.ts';

const clipSeconds = 2;

/**
 * Broadcasts a clip to a server that archives to `store` through the proxy, and reads it back
 * without the proxy.
 */
const archiveAndRead = async (t: TestContext, objects: ObjectServer, scheme: 's3' | 'gs', plan: FaultPlan): Promise<number> => {
  const folder = tempDir(t);
  const data = join(folder, 'data');
  const { bytes, packets } = demoClip(clipSeconds);
  const clip = join(folder, 'clip.ogg');
  writeFileSync(clip, bytes);
  const proxy = await startStoreFaultProxy(t, objects.endpoint);
  const store = `${scheme}://${objects.bucket}/shows/live`;
  const where = ['--store', store, '--store-timeout-ms', '1s'];
  const server = await startHayateServer(t, { data, flags: [...where, '--store-endpoint', proxy.endpoint], env: objects.env });
  proxy.plan = plan;
  const broadcast = await runHayate(t, ['broadcast', clip, '--stream', 'show', '--server', server.url]);
  assert.equal(broadcast.code, 0, broadcast.lines.join('\n'));
  server.process.kill('SIGINT');
  assert.deepEqual(await server.process.exit, { code: 0, signal: null }, server.process.lines.join('\n'));

  const read = [...where, '--data', data, '--store-endpoint', objects.endpoint];
  const listing = await runHayate(t, ['archive', 'ls', '--json', ...read], objects.env);
  assert.equal(listing.code, 0, listing.lines.join('\n'));
  const [broadcasted, ...others] = listing.stdout.map((line) => JSON.parse(line) as { stream: string; durationMs: number; path: string });
  assert.deepEqual([broadcasted?.stream, others], ['show', []]);
  assert.equal(broadcasted?.durationMs, Math.round((packets.length * 960 - 312) / 48));
  assert.ok(broadcasted?.path.startsWith(`${store}/audio/show/`), broadcasted?.path);
  const verified = await runHayate(t, ['archive', 'verify', ...read], objects.env);
  assert.equal(verified.code, 0, verified.lines.join('\n'));
  return [...proxy.done.values()].reduce((sum, count) => sum + count, 0);
};

for (const [scheme, start] of [
  ['s3', startS3],
  ['gs', startGcs],
] as const) {
  test(`a broadcast is archived to a bucket at ${scheme}://, and listed and verified there`, async (t) => {
    const objects = await start(t);
    if (objects !== undefined) assert.equal(await archiveAndRead(t, objects, scheme, () => undefined), 0);
  });

  test(`everything arrives at ${scheme}:// although one request in five fails`, async (t) => {
    const objects = await start(t);
    if (objects === undefined) return;
    const spoiled = await archiveAndRead(t, objects, scheme, seededFaults(7, 0.2));
    assert.ok(spoiled > 0, `${spoiled} requests were spoiled`);
  });

  test(`a missing bucket at ${scheme}:// and a missing server give one line each`, async (t) => {
    const objects = await start(t);
    if (objects === undefined) return;
    const list = (bucket: string, env = objects.env) =>
      runHayate(
        t,
        ['archive', 'ls', '--store', `${scheme}://${bucket}`, '--store-endpoint', objects.endpoint, '--store-timeout-ms', '5s'],
        env,
      );
    const missing = await list('not-there');
    assert.deepEqual([missing.code, missing.stdout, missing.stderr.length], [2, [], 1], missing.lines.join('\n'));
    assert.match(missing.stderr[0] ?? '', /^hayate archive ls: .*bucket not-there/);
    await objects.stop();
    const dead = await list(objects.bucket);
    assert.deepEqual([dead.code, dead.stdout, dead.stderr.length], [1, [], 1], dead.lines.join('\n'));
    assert.match(dead.stderr[0] ?? '', /^hayate archive ls: the object store cannot be reached: .*ECONNREFUSED/);
  });
}

test('wrong credentials for S3 are refused at the start, and no line holds the secret', async (t) => {
  const objects = await startS3(t);
  if (objects === undefined) return;
  const serve = (env: Record<string, string>) =>
    runHayate(
      t,
      ['serve', '--port', '0', '--data', tempDir(t), '--store', `s3://${objects.bucket}`, '--store-endpoint', objects.endpoint],
      { ...objects.env, ...env },
    );
  const cases: readonly (readonly [Record<string, string>, RegExp])[] = [
    [{ AWS_SECRET_ACCESS_KEY: 'not-the-secret' }, /SignatureDoesNotMatch/],
    [{ AWS_ACCESS_KEY_ID: 'nobody', AWS_SECRET_ACCESS_KEY: 'not-the-secret' }, /InvalidAccessKeyId|access key ID/],
    [{ AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' }, /CredentialsProviderError/],
  ];
  for (const [env, said] of cases) {
    const refused = await serve(env);
    assert.equal(refused.code, 2, refused.lines.join('\n'));
    assert.match(refused.stderr.join('\n'), said);
    assert.doesNotMatch(refused.lines.join('\n'), /not-the-secret|a-secret-of-the-tests/);
  }
});
