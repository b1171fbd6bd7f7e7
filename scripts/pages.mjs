// @ts-check
// In: the sources of the pages and of the packages they bundle, and the lockfile. Out:
// packages/web/dist/product, or dist/demo for the demonstrations. Builds only when a hash of all
// these inputs differs from the hash that is stored with the built pages. Vite empties that folder
// first, so a hash never outlives its pages. Run by itself, this file builds if needed.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ensureInstalled } from './install.mjs';
import { ensureRuntime, runUnder, versionOf } from './runtime.mjs';
import { isMain, Refusal, root, script, step } from './step.mjs';

const web = join(root, 'packages/web');
const left = new Set(['dist', 'node_modules']);

/**
 * Every file under `path` that a build may read, in a fixed order.
 * @param {string} path
 * @returns {string[]}
 */
const filesUnder = (path) => {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return path.endsWith('.test.ts') ? [] : [path];
  return readdirSync(path)
    .filter((name) => !left.has(name))
    .sort()
    .flatMap((name) => filesUnder(join(path, name)));
};

const sourceHash = () => {
  const hash = createHash('sha256');
  const sources = [
    web,
    ...['client', 'protocol'].flatMap((name) => [`packages/${name}/src`, `packages/${name}/package.json`]),
    'package-lock.json',
  ];
  for (const path of sources.flatMap((source) => filesUnder(source === web ? web : join(root, source)))) {
    const content = readFileSync(path);
    hash.update(`${relative(root, path).replaceAll('\\', '/')} ${content.length}\n`).update(content);
  }
  return hash.digest('hex');
};

/**
 * Builds the pages if their sources changed. Prints a step when it builds.
 * @param {string} runtime
 * @param {'product' | 'demo'} kind
 */
export const ensurePages = async (runtime, kind = 'product') => {
  const wanted = sourceHash();
  const folder = join(web, 'dist', kind);
  const stampFile = join(folder, '.source-hash');
  if (existsSync(join(folder, 'index.html')) && existsSync(stampFile) && readFileSync(stampFile, 'utf8').trim() === wanted) return;
  await step(kind === 'demo' ? 'build the pages of the demonstration' : 'build the pages', async () => {
    const vite = join(root, 'node_modules/vite/bin/vite.js');
    const code = await runUnder(runtime, [vite, 'build', '--mode', kind === 'demo' ? 'demo' : 'production', '--logLevel', 'warn'], {
      cwd: web,
      quiet: true,
    });
    if (code !== 0) throw new Refusal('the pages could not be built; see above');
    writeFileSync(stampFile, `${wanted}\n`);
  });
};

if (isMain(import.meta.url))
  await script('pages', async () => {
    const runtime = await ensureRuntime();
    await ensureInstalled('production', versionOf(runtime));
    await ensurePages(runtime);
  });
