// `hayate serve --workers 2` with the log on Kafka, as an operator runs it: two processes that are
// streamers and archivers behind one port, and a complete archive.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { verifyArchive } from '../../packages/server/src/archive/verify/verify.ts';
import { openFsStore } from '../../packages/server/src/store/fs/open.ts';
import { demoClip, runHayate, startHayateServer } from '../support/hayate.ts';
import { startKafka } from '../support/kafka.ts';
import { poll } from '../support/poll.ts';
import { startRedis } from '../support/redis.ts';
import { tempDir } from '../support/temp-dir.ts';

const STREAMS = ['ichi', 'ni', 'san', 'yon'];

test('two workers take broadcasters and archive them together, each its own partitions', async (t) => {
  const [kafka, redis] = [await startKafka(t), await startRedis(t)];
  if (kafka === undefined || redis === undefined) return;
  const data = join(tempDir(t), 'data');
  const log = ['--log', `kafka://${kafka.bootstrap}/workers`, '--kafka-replication', '1', '--log-partitions', '4'];
  const flags = ['--roles', 'streamer,archiver,api', '--workers', '2', '--shards', redis.url, '--archive-window-ms', '500', ...log];
  const group = await startHayateServer(t, { data, flags });
  const clip = join(tempDir(t), 'clip.ogg');
  writeFileSync(clip, demoClip(2).bytes);
  const frames: number[] = [];
  await Promise.all(
    STREAMS.map(async (stream) => {
      const ackLog = join(data, `${stream}.acks`);
      const broadcast = await runHayate(t, ['broadcast', clip, '--stream', stream, '--server', group.url, '--ack-log', ackLog]);
      assert.equal(broadcast.code, 0, broadcast.stderr.join('\n'));
      const last = readFileSync(ackLog, 'utf8').trimEnd().split('\n').at(-1) ?? '{}';
      frames.push((JSON.parse(last) as { nextSequence: number }).nextSequence);
    }),
  );
  const store = await openFsStore({ directory: join(data, 'archive') });
  const archived = async () => verifyArchive({ store });
  await poll('everything archived', async () => (await archived()).summary.frames >= frames.reduce((a, b) => a + b, 0), {
    timeoutMs: 60_000,
  });
  const { findings, summary } = await archived();
  assert.deepEqual(findings, []);
  assert.equal(summary.broadcasts, STREAMS.length);
  const metrics = await (await fetch(`${group.url}/metrics`)).text();
  const partitions = [...metrics.matchAll(/^hayate_archiver_partitions\{[^}]*worker="(\d)"[^}]*\} (\d+)$/gm)].map(([, worker, count]) => [
    worker,
    Number(count),
  ]);
  assert.deepEqual(partitions.sort(), [
    ['1', 2],
    ['2', 2],
  ]);
});
