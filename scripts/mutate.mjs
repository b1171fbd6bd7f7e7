// @ts-check
// `npm run mutate -- FILE…`: installs the packages that tests need, and runs the mutation tester of
// test/mutation/ under a Node that runs TypeScript.
import { foreground } from './foreground.mjs';
import { ensureInstalled } from './install.mjs';
import { ensureRuntime, runtimeEnvironment, runtimeFlags, versionOf } from './runtime.mjs';
import { root, script } from './step.mjs';

await script('npm run mutate', async () => {
  const runtime = await ensureRuntime();
  await ensureInstalled('full', versionOf(runtime));
  const args = [...runtimeFlags, 'test/mutation/mutate.ts', ...process.argv.slice(2)];
  return foreground(runtime, args, { cwd: root, env: runtimeEnvironment(runtime) });
});
