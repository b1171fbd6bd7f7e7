// The programs in examples/ work as described against a real server.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startHayateServer } from '../support/hayate.ts';
import { root, runProcess, startProcess } from '../support/process.ts';
import { tempDir } from '../support/temp-dir.ts';

test('each example is at most 30 lines', () => {
  for (const name of readdirSync(join(root, 'examples')).filter((file) => file.endsWith('.ts')))
    assert.ok(
      readFileSync(join(root, 'examples', name), 'utf8')
        .trimEnd()
        .split('\n').length <= 30,
      name,
    );
});

test('examples/watch.ts shows the broadcast of examples/broadcast.ts', async (t) => {
  const server = await startHayateServer(t, { data: join(tempDir(t), 'data') });
  const env = { HAYATE_SERVER: server.url };
  const watch = startProcess(t, ['examples/watch.ts', 'example'], { env });
  await watch.untilLine(/^waiting for example$/);
  const broadcast = await runProcess(t, ['examples/broadcast.ts', 'example', '2'], { env });
  assert.equal(broadcast.code, 0, broadcast.lines.join('\n'));
  const [, frames] = /^all (\d+) frames are stored$/.exec(broadcast.stdout.at(-1) ?? '') ?? [];
  assert.deepEqual(await watch.exit, { code: 0, signal: null });
  await watch.untilLine(/^title: A tune$/);
  await watch.untilLine(/^1 s {2}voice -1\d dB {2}mouth #+ /);
  // The number of each depends on the machine: a broadcaster that is delayed joins packets and
  // leaves out poses.
  await watch.untilLine(new RegExp(`^ended \\(finished\\) after ${frames} frames; \\d+ voice and \\d+ poses received$`));
});
