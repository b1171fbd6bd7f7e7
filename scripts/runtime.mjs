// @ts-check
// In: the Node that runs this script. Out: the path of a Node that runs TypeScript without a build.
// The machine's own Node is used if it is new enough. Otherwise this script fetches the version
// that runtime/package.json pins into .runtime/: one package for this platform, checked against the
// lockfile's hash, without any install script. A single rename puts it in place, so that a partial
// download is never used. Run by itself, this file fetches if needed and prints the path.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isMain, Refusal, root, run, runNpm, script, step } from './step.mjs';

/** The oldest Node that runs Hayate's TypeScript without a flag. */
export const oldestNode = '22.22.0';

/** The version of the Node that this script fetches. @type {string} */
export const pinnedNode = JSON.parse(readFileSync(join(root, 'scripts/runtime/package.json'), 'utf8')).version;

/**
 * The flags that every Node needs. Without them, older versions print a warning about experimental
 * features on each run.
 */
export const runtimeFlags = ['--disable-warning=ExperimentalWarning'];

const home = join(root, '.runtime');
const fetched = join(home, pinnedNode, process.platform === 'win32' ? 'node.exe' : 'node');

/** @param {string} version @param {string} oldest */
const isAtLeast = (version, oldest) => {
  const [a, b] = [version, oldest].map((text) => text.split('.').map(Number));
  const index = (b ?? []).findIndex((part, i) => part !== a?.[i]);
  return index === -1 || Number(a?.[index]) > Number(b?.[index]);
};

/** The path of an installed Node that runs TypeScript, or undefined if one must be fetched. */
export const findRuntime = () =>
  isAtLeast(process.versions.node, oldestNode) ? process.execPath : existsSync(fetched) ? fetched : undefined;

/** The version of a Node. Any Node except this one is asked for it. @param {string} runtime */
export const versionOf = (runtime) => {
  if (runtime === process.execPath) return process.versions.node;
  return spawnSync(runtime, ['--version'], { encoding: 'utf8' }).stdout?.trim().replace(/^v/, '') ?? '';
};

/** Fetches the pinned Node and returns its size on disk in MB. */
const fetchRuntime = async () => {
  const folder = join(home, `partial-${process.pid}`);
  try {
    cpSync(join(root, 'scripts/runtime'), folder, { recursive: true });
    cpSync(join(root, '.npmrc'), join(folder, '.npmrc'));
    const code = await runNpm(['ci', '--ignore-scripts', '--no-bin-links', '--prefix', folder], { cwd: folder, quiet: true });
    if (code !== 0) throw new Refusal('npm could not fetch Node; see above');
    const modules = join(folder, 'node_modules');
    const name = existsSync(modules) ? readdirSync(modules).find((entry) => entry.startsWith('node-')) : undefined;
    if (name === undefined)
      throw new Refusal(
        `there is no Node ${pinnedNode} to fetch for ${process.platform} ${process.arch}: install Node ${oldestNode} or newer`,
      );
    const source = join(modules, name);
    const { bin } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'));
    const ready = join(folder, 'ready');
    mkdirSync(ready);
    const executable = join(ready, process.platform === 'win32' ? 'node.exe' : 'node');
    renameSync(join(source, bin.node), executable);
    if (existsSync(join(source, 'LICENSE'))) renameSync(join(source, 'LICENSE'), join(ready, 'LICENSE'));
    chmodSync(executable, 0o755);
    if (versionOf(executable) !== pinnedNode)
      throw new Refusal(`the fetched Node does not run on this machine: install Node ${oldestNode} or newer`);
    for (const entry of readdirSync(home)) if (!entry.startsWith('partial-')) rmSync(join(home, entry), { recursive: true, force: true });
    renameSync(ready, join(home, pinnedNode));
    return Math.round(statSync(fetched).size / 1e6);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

/**
 * The path of a Node that runs TypeScript. Fetches one if needed, and prints a step when it does.
 */
export const ensureRuntime = async () => {
  const found = findRuntime();
  if (found !== undefined) return found;
  await step(`fetch Node ${pinnedNode}, as this one is ${process.versions.node}`, async () => `${await fetchRuntime()} MB on disk`);
  return fetched;
};

/**
 * The environment for programs under `runtime`: its folder comes first on PATH, so that tools that
 * look for `node` find it.
 * @param {string} runtime
 */
export const runtimeEnvironment = (runtime) => {
  const key = Object.keys(process.env).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH';
  const folder = join(runtime, '..');
  return { ...process.env, [key]: `${folder}${process.platform === 'win32' ? ';' : ':'}${process.env[key] ?? ''}` };
};

/**
 * Runs one of Hayate's scripts again under the runtime if this Node is too old for it.
 * @param {string} runtime
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, quiet?: boolean }} [options]
 */
export const runUnder = (runtime, args, options) => run(runtime, args, { env: runtimeEnvironment(runtime), ...options });

if (isMain(import.meta.url)) await script('runtime', async () => console.log(await ensureRuntime()));
