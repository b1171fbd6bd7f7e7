// @ts-check
// `npm run hayate -- …`: installs the command-line program's packages, and runs it under a suitable
// Node.

import { join } from 'node:path';
import { foreground } from './foreground.mjs';
import { ensureInstalled } from './install.mjs';
import { ensureRuntime, runtimeEnvironment, runtimeFlags, versionOf } from './runtime.mjs';
import { root, script } from './step.mjs';

await script('hayate', async () => {
  const runtime = await ensureRuntime();
  await ensureInstalled('production', versionOf(runtime));
  const program = join(root, 'packages/server/bin/hayate.mjs');
  return foreground(runtime, [...runtimeFlags, program, ...process.argv.slice(2)], {
    // People give paths relative to their working directory, which npm keeps in this variable.
    cwd: process.env.INIT_CWD ?? process.cwd(),
    env: runtimeEnvironment(runtime),
    lifeline: 'channel',
  });
});
