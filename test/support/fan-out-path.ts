// In: a test. Out: both fan-out senders, the native one compiled for this run, so that one test
// covers both.
import type { TestContext } from 'node:test';
import { buildNative } from '../../packages/server/src/cli/build-native.ts';
import { loadNative } from '../../packages/server/src/listener/fan-out-native.ts';
import { NativeSender, type Sender, typescriptSender } from '../../packages/server/src/listener/fan-out-sender.ts';
import { requireTool } from './require-tool.ts';
import { tempDir } from './temp-dir.ts';

/**
 * Runs `body` as a subtest for each sender, with the flags that make `hayate serve` use it. Without
 * a C compiler the native sender is skipped, with a message.
 */
export const onBothPaths = async (
  t: TestContext,
  body: (t: TestContext, sender: Sender, flags: readonly string[]) => Promise<void>,
): Promise<void> => {
  await t.test('typescript', (t) => body(t, typescriptSender, ['--fan-out', 'typescript']));
  await t.test('native', async (t) => {
    const cc = requireTool(t, 'cc');
    if (cc === undefined) return;
    const output = tempDir(t);
    await buildNative({ cc, output });
    await body(t, new NativeSender(loadNative(output)), ['--fan-out', 'native', '--native-directory', output]);
  });
};
