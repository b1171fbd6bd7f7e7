// @ts-check
// In: the working tree. Out: exit code 0 if its types, its style and its generated code pass every
// check. Continues after a failure, so that one run shows all failures. Installs nothing.
import { isInstalled } from './install.mjs';
import { findRuntime, runUnder } from './runtime.mjs';
import { isMain, Refusal, root, script, step } from './step.mjs';

const checks = [
  { label: 'types', args: ['node_modules/typescript/bin/tsc', '-p', '.'] },
  { label: 'style', args: ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.'] },
  { label: 'generated code', args: ['scripts/generate.mjs', '--check'] },
];

/** Runs every check and names those that failed. @param {string} runtime */
export const check = async (runtime) => {
  /** @type {string[]} */
  const failed = [];
  for (const { label, args } of checks) {
    await step(`check ${label}`, async () => {
      const code = await runUnder(runtime, args, { cwd: root, quiet: true });
      if (code !== 0) failed.push(label);
      return code === 0 ? '' : 'failed, see above';
    });
  }
  if (failed.length > 0) throw new Refusal(`failed: ${failed.join(', ')}`);
};

if (isMain(import.meta.url))
  await script('npm run check', async () => {
    const runtime = findRuntime();
    if (runtime === undefined) throw new Refusal('this Node is too old to run the tools; fetch a newer one with: node scripts/runtime.mjs');
    if (!isInstalled()) throw new Refusal('the installed packages do not match the lockfile; run: npm ci --ignore-scripts');
    await check(runtime);
  });
