// @ts-check
// In: a workspace of the repository, whose exports are TypeScript. Out: during `npm pack`, the same
// workspace with JavaScript and declarations, since Node runs no TypeScript under node_modules.
// `prepack` compiles src/ into dist/ and rewrites package.json for the tarball. `postpack` restores
// the source's package.json, of which the folder holds a copy meanwhile. The next call of either
// kind restores it first, so an interrupted pack does no lasting harm.
import { cpSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensurePages } from './pages.mjs';
import { findRuntime, runUnder } from './runtime.mjs';
import { Refusal, root, script } from './step.mjs';

const packages = join(root, 'packages');

/**
 * The files that only the tarball has, and their sources.
 * @param {string} name
 * @returns {Record<string, string>}
 */
const extrasOf = (name) => ({
  LICENSE: join(root, 'LICENSE'),
  ...(name === 'server' && { pages: join(packages, 'web/dist/product') }),
});

/** @param {string} folder @returns {Record<string, any>} */
const readManifest = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

/** @param {string} path @param {unknown} value */
const writeJson = (path, value) => writeFileSync(path, `${JSON.stringify(value, undefined, 2)}\n`);

/**
 * Restores the source's package.json and removes the files that only the tarball has.
 * @param {string} folder
 * @param {string} name
 */
const restore = (folder, name) => {
  const source = join(folder, '.package.json.source');
  if (existsSync(source)) renameSync(source, join(folder, 'package.json'));
  for (const extra of Object.keys(extrasOf(name))) rmSync(join(folder, extra), { recursive: true, force: true });
};

/** `./src/x.ts` as its path in the tarball. @param {string} path */
const compiled = (path) => ({
  types: path.replace(/^\.\/src\/(.*)\.tsx?$/, './dist/$1.d.ts'),
  default: path.replace(/^\.\/src\/(.*)\.tsx?$/, './dist/$1.js'),
});

/**
 * The manifest of the tarball: exports are compiled, and entries for development are left out.
 * @param {Record<string, any>} manifest
 */
const tarballManifest = ({ scripts: _scripts, devDependencies: _dev, ...manifest }) => ({
  ...manifest,
  exports: Object.fromEntries(
    Object.entries(manifest.exports).map(([entry, path]) => [entry, /\.tsx?$/.test(path) ? compiled(path) : path]),
  ),
});

/**
 * Hayate's workspaces that `manifest` needs, by folder name.
 * @param {Record<string, any>} manifest
 */
const workspacesOf = (manifest) =>
  Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
    .filter((name) => name.startsWith('@hayate/'))
    .map((name) => name.slice('@hayate/'.length));

/**
 * Compiles a workspace into its dist/. Compiles the workspaces that it needs first, because it is
 * compiled against their declarations.
 * @param {string} runtime
 * @param {string} name
 * @param {Set<string>} done
 */
const compile = async (runtime, name, done = new Set()) => {
  if (done.has(name)) return;
  done.add(name);
  const folder = join(packages, name);
  const source = join(folder, '.package.json.source');
  const manifest = existsSync(source) ? JSON.parse(readFileSync(source, 'utf8')) : readManifest(folder);
  /** @type {Record<string, string[]>} */
  const paths = {};
  for (const other of workspacesOf(manifest)) {
    await compile(runtime, other, done);
    for (const [entry, path] of Object.entries(readManifest(join(packages, other)).exports))
      if (/\.tsx?$/.test(path)) paths[`@hayate/${other}${entry.slice(1)}`] = [join(packages, other, compiled(path).types)];
  }
  rmSync(join(folder, 'dist'), { recursive: true, force: true });
  const config = join(folder, '.tsconfig.pack.json');
  writeJson(config, {
    extends: '../../tsconfig.json',
    compilerOptions: {
      noEmit: false,
      declaration: true,
      rewriteRelativeImportExtensions: true,
      allowImportingTsExtensions: false,
      allowJs: false,
      rootDir: 'src',
      outDir: 'dist',
      paths,
    },
    include: ['src'],
    exclude: ['**/*.test.ts', '**/*.test.tsx', '**/*.test-child.ts', '**/contract.ts', '**/fault-contract.ts', 'dist'],
  });
  try {
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    if ((await runUnder(runtime, [tsc, '-p', config], { cwd: folder, quiet: true })) !== 0) throw new Refusal(`${name} does not compile`);
  } finally {
    rmSync(config, { force: true });
  }
};

await script('pack', async () => {
  const [phase, ...rest] = process.argv.slice(2);
  const folder = process.cwd();
  const name = folder.slice(packages.length + 1);
  if ((phase !== 'prepack' && phase !== 'postpack') || rest.length > 0 || !/^[a-z]+$/.test(name))
    throw new Refusal('npm pack runs this in a workspace: node ../../scripts/pack.mjs prepack|postpack');
  restore(folder, name);
  if (phase === 'postpack') return;

  const runtime = findRuntime();
  if (runtime === undefined) throw new Refusal('this Node is too old to run TypeScript; fetch a newer one with: node scripts/runtime.mjs');
  await compile(runtime, name);
  if (name === 'server') await ensurePages(runtime);
  for (const [extra, from] of Object.entries(extrasOf(name))) cpSync(from, join(folder, extra), { recursive: true });
  const manifest = readManifest(folder);
  cpSync(join(folder, 'package.json'), join(folder, '.package.json.source'));
  writeJson(join(folder, 'package.json'), tarballManifest(manifest));
});
