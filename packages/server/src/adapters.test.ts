// How far a log is archived, read while another process uses the log, for every adapter.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startKafka } from '../../../test/support/kafka.ts';
import { poll } from '../../../test/support/poll.ts';
import { tempDir } from '../../../test/support/temp-dir.ts';
import { logFlags, storeFlags } from './adapter-flags.ts';
import { committedOffsets, openLog } from './adapters.ts';
import { createContext } from './kernel/context.ts';
import { parseFlags } from './kernel/flag.ts';

/** Commits in some partitions, and reads the committed offsets while the log is open. */
async function checkOffsets(t: TestContext, flags: readonly string[]): Promise<void> {
  const settings = parseFlags({ ...storeFlags, ...logFlags }, ['--data', join(tempDir(t), 'data'), '--log-partitions', '3', ...flags], {});
  await assert.rejects(committedOffsets(settings), { code: 'NOT_FOUND' });
  const log = await openLog(settings, createContext({ logLevel: 'silent' }));
  let committed = 0;
  const consumer = await log.consume(async (partition, signal) => {
    for (let index = 0; index <= partition.number; index++) await partition.append(Buffer.from('tick'));
    if (partition.number > 0) await partition.commit(partition.number);
    committed += 1;
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  });
  await poll('every partition to be committed', () => committed === 3);
  assert.deepEqual(await committedOffsets(settings), {
    log: log.id,
    partitions: [undefined, 1, 2],
    ...(log.embedded ? {} : { earliest: [0, 0, 0] }),
  });
  await consumer.close();
  await log.close();
}

test('reads the committed offsets of a file log', (t) => checkOffsets(t, []));

test('reads the committed offsets of a topic', async (t) => {
  const kafka = await startKafka(t);
  if (kafka !== undefined) await checkOffsets(t, ['--log', `kafka://${kafka.bootstrap}/offsets`, '--kafka-replication', '1']);
});

test('a log address that no adapter supports is refused', async (t) => {
  const settings = parseFlags({ ...storeFlags, ...logFlags }, ['--data', tempDir(t), '--log', 'pulsar://x'], {});
  await assert.rejects(committedOffsets(settings), { code: 'CONFIGURATION', message: /neither "file" nor kafka/ });
});
