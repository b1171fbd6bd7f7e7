// @ts-check
// `npm run simulate -- …`: installs the simulation's packages, and runs the live path in simulated
// worlds under a Node that runs TypeScript.
import { foreground } from './foreground.mjs';
import { ensureInstalled } from './install.mjs';
import { ensureRuntime, runtimeEnvironment, runtimeFlags, versionOf } from './runtime.mjs';
import { root, script } from './step.mjs';

await script('npm run simulate', async () => {
  const runtime = await ensureRuntime();
  await ensureInstalled('full', versionOf(runtime));
  const args = [...runtimeFlags, 'test/simulation/simulate.ts', ...process.argv.slice(2)];
  return foreground(runtime, args, { cwd: root, env: runtimeEnvironment(runtime) });
});
