// @ts-check
// In: package-lock.json and the runtime. Out: node_modules that match both. A stamp in node_modules
// names the lockfile, runtime and kind of the install. If it matches, nothing is done. npm's own
// record reveals an install that a person made by hand, which is kept. Installed development
// dependencies are never removed: if there were any, the new install has them too.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Refusal, root, runNpm, step } from './step.mjs';

/** @typedef {'production' | 'full'} Kind */

const lockfile = join(root, 'package-lock.json');
const record = join(root, 'node_modules/.package-lock.json');
const stampFile = join(root, 'node_modules/.hayate-install.json');

/** @param {string} path @returns {Record<string, any>} */
const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

/**
 * Which of the lockfile's packages npm's record calls installed: both kinds, one kind, or none that
 * can be used.
 */
const installedKind = () => {
  if (!existsSync(record)) return { kind: undefined, hasDev: false };
  const installed = readJson(record).packages;
  let [production, full, hasDev] = [true, true, false];
  for (const [path, wanted] of Object.entries(readJson(lockfile).packages)) {
    if (path === '' || !path.includes('node_modules/')) continue;
    const there = installed[path];
    const matches = wanted.link ? there?.link === true : there?.version === wanted.version && there?.integrity === wanted.integrity;
    if (there !== undefined && wanted.dev) hasDev = true;
    if (matches || (there === undefined && (wanted.optional || wanted.devOptional))) continue;
    full = false;
    if (!wanted.dev) production = false;
  }
  return { kind: production ? (full ? 'full' : 'production') : undefined, hasDev };
};

/**
 * Installs the missing packages, if any. Never runs install scripts. Prints a step when it
 * installs.
 * @param {Kind} kind
 * @param {string} runtimeVersion
 */
export const ensureInstalled = async (kind, runtimeVersion) => {
  const wanted = {
    lockfile: createHash('sha256').update(readFileSync(lockfile)).digest('hex'),
    // The choice of packages for platforms and of native packages depends on these alone.
    runtime: `node ${runtimeVersion.split('.')[0]} ${process.platform} ${process.arch}`,
  };
  const stamp = existsSync(stampFile) ? readJson(stampFile) : undefined;
  /** @param {string | undefined} there */
  const covers = (there) => there === 'full' || there === kind;
  if (stamp?.lockfile === wanted.lockfile && stamp.runtime === wanted.runtime && covers(stamp.kind)) return;
  /** @param {string} installed */
  const writeStamp = (installed) => writeFileSync(stampFile, `${JSON.stringify({ ...wanted, kind: installed })}\n`);
  const there = installedKind();
  if (there.kind !== undefined && covers(there.kind) && (stamp === undefined || stamp.runtime === wanted.runtime)) {
    writeStamp(there.kind);
    return;
  }
  /** @type {Kind} */
  const target = kind === 'full' || there.hasDev ? 'full' : 'production';
  const label = target === 'full' ? 'all packages, including those for development' : 'the packages it runs on';
  await step(`install ${label}`, async () => {
    const omit = target === 'full' ? [] : ['--omit=dev'];
    const code = await runNpm(['ci', ...omit, '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--prefix', root], {
      quiet: true,
    });
    if (code !== 0) throw new Refusal('npm could not install; see above');
    writeStamp(target);
  });
};

/** Whether all packages of the lockfile are installed, those for development too. */
export const isInstalled = () => installedKind().kind === 'full';
