// @ts-check
// In: a fresh clone on a Debian machine with Node and npm, and root's rights if a package is
// missing. Out: runs all checks and tests, and skips nothing; the totals are the last line. Prints
// the Debian packages that it installs before it installs them.
import { spawnSync } from 'node:child_process';
import { goToolBuild, goTools } from '../test/support/go-tool.mjs';
import { pythonToolInstall, pythonTools } from '../test/support/python-tool.mjs';
import { debianPackages } from '../test/support/tool-package.mjs';
import { check } from './check.mjs';
import { ensureInstalled } from './install.mjs';
import { ensurePages } from './pages.mjs';
import { ensureRuntime, runtimeEnvironment, runUnder, versionOf } from './runtime.mjs';
import { Refusal, run, script, step } from './step.mjs';

/** Whether Debian's package manager calls `name` installed. @param {string} name */
const isPresent = (name) => {
  const { stdout } = spawnSync('dpkg-query', ['--status', name], { encoding: 'utf8' });
  return /^Status: .* installed$/m.test(stdout ?? '');
};

const installDebianPackages = async () => {
  console.error(`Debian packages that the tests use: ${debianPackages.join(' ')}`);
  const missing = debianPackages.filter((name) => !isPresent(name));
  if (missing.length === 0) return;
  const command = `apt-get install ${missing.join(' ')}`;
  if (spawnSync('apt-get', ['--version']).error !== undefined)
    throw new Refusal(`there is no apt-get on this machine; the tests need the programs of these Debian packages: ${missing.join(' ')}`);
  if (process.getuid?.() !== 0) throw new Refusal(`packages are missing, and only root may install them: ${command}`);
  // At run level 1 Debian does not start the services that it installs. The tests start their own.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  await step('apt-get update', async () => {
    if ((await run('apt-get', ['update'], { env, quiet: true })) !== 0) throw new Refusal('apt-get update failed; see above');
  });
  await step(command, async () => {
    const code = await run('apt-get', ['install', '--yes', '--no-install-recommends', ...missing], { env, quiet: true });
    if (code !== 0) throw new Refusal(`${command} failed; see above`);
  });
};

await script('npm run test:full', async () => {
  await installDebianPackages();
  const runtime = await ensureRuntime();
  await ensureInstalled('full', versionOf(runtime));
  await ensurePages(runtime);
  await check(runtime);
  for (const name of Object.keys(goTools))
    await step(`${name} for the tests`, async () => {
      if ((await run('flock', goToolBuild(name), { quiet: true })) !== 0) throw new Refusal(`${name} could not be built; see above`);
    });
  for (const name of Object.keys(pythonTools))
    await step(`${name} for the tests`, async () => {
      if ((await run('flock', pythonToolInstall(name), { quiet: true })) !== 0)
        throw new Refusal(`${name} could not be installed; see above`);
    });
  const env = { ...runtimeEnvironment(runtime), HAYATE_TEST_FULL: '1' };
  return runUnder(runtime, ['scripts/test.mjs', ...process.argv.slice(2)], { env });
});
