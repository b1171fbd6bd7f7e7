// The output of `npm pack`, from a copy of the tree so that the original stays untouched:
// JavaScript and declarations that work outside the repository in Node, in a bundler and in a type
// checker. Installing needs the network, so it runs only in full runs.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { runtimeEnvironment } from '../scripts/runtime.mjs';
import { root, runProcess, startProcess } from './support/process.ts';
import { requireFullRun } from './support/require-tool.ts';
import { copySourceTree, linkPackages } from './support/source-tree.ts';
import { tempDir } from './support/temp-dir.ts';

const names = ['protocol', 'client', 'server'];
const env = runtimeEnvironment(process.execPath);
let shared: string | undefined;
after(() => {
  if (shared !== undefined) rmSync(shared, { recursive: true, force: true });
});

/**
 * Packs all three once for this file; returns the folder with the copy of the tree, whose
 * `tarballs/` contains them.
 */
const packed = async (t: TestContext): Promise<string> => {
  if (shared !== undefined) return shared;
  shared = mkdtempSync(join(tmpdir(), 'hayate-pack-'));
  copySourceTree(shared);
  linkPackages(shared);
  const tarballs = join(shared, 'tarballs');
  mkdirSync(tarballs);
  for (const name of names) {
    const folder = join(shared, 'packages', name);
    const before = readFileSync(join(folder, 'package.json'), 'utf8');
    const pack = await runProcess(t, ['pack', '--pack-destination', tarballs], { executable: 'npm', cwd: folder, env, timeoutMs: 300_000 });
    assert.equal(pack.code, 0, pack.lines.join('\n'));
    assert.equal(readFileSync(join(folder, 'package.json'), 'utf8'), before, 'npm pack leaves package.json as it was');
  }
  return shared;
};

const tarballOf = (folder: string, name: string): string => {
  const file = readdirSync(join(folder, 'tarballs')).find((entry) => entry.startsWith(`hayate-${name}-`));
  assert.ok(file, `the tarball of ${name}`);
  return join(folder, 'tarballs', file);
};

const write = (folder: string, files: Readonly<Record<string, string>>): void => {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
};

test('packs JavaScript and declarations, the licence, and no TypeScript source or test', async (t) => {
  const folder = await packed(t);
  for (const name of names) {
    const listing = await runProcess(t, ['tzf', tarballOf(folder, name)], { executable: 'tar' });
    const files = listing.stdout.map((path) => path.replace(/^package\//, ''));
    assert.deepEqual(
      files.filter((path) => /(?<!\.d)\.tsx?$|\.test\.|contract/.test(path)),
      [],
      name,
    );
    for (const wanted of ['LICENSE', 'dist/index.js', 'dist/index.d.ts']) assert.ok(files.includes(wanted), `${name}: ${wanted}`);
    if (name === 'server')
      for (const wanted of ['bin/hayate.mjs', 'pages/index.html', 'demo/hello.ogg', 'native/fan-out.c'])
        assert.ok(files.includes(wanted), wanted);
    if (name === 'server')
      for (const form of [/^pages\/assets\/index-.*\.js$/, /^pages\/assets\/index-.*\.js\.br$/, /^pages\/assets\/index-.*\.js\.gz$/])
        assert.ok(
          files.some((path) => form.test(path)),
          `${form}`,
        );
    if (name === 'protocol') assert.ok(files.includes('proto/hayate/v1/frame.proto'));
  }
});

test('puts package.json back after a pack that was interrupted', async (t) => {
  const folder = join(await packed(t), 'packages/protocol');
  const before = readFileSync(join(folder, 'package.json'), 'utf8');
  const phase = (name: string) => runProcess(t, ['../../scripts/pack.mjs', name], { cwd: folder, env });
  assert.equal((await phase('prepack')).code, 0);
  const during = readFileSync(join(folder, 'package.json'), 'utf8');
  assert.match(during, /dist\/index\.js/);
  assert.equal((await phase('prepack')).code, 0);
  assert.equal(readFileSync(join(folder, 'package.json'), 'utf8'), during);
  assert.equal((await phase('postpack')).code, 0);
  assert.equal(readFileSync(join(folder, 'package.json'), 'utf8'), before);
});

const consumer = `import { Broadcaster, Viewer } from '@hayate/client';
import { encodeFrame } from '@hayate/protocol';

const viewer: Viewer = new Viewer({ server: 'http://localhost:1', stream: 'demo', token: 'none' });
viewer.close();
console.log('loaded', typeof Broadcaster, typeof encodeFrame);
`;

test('the packed programs work in an empty folder', async (t) => {
  if (!requireFullRun(t, 'installs packages from the registry')) return;
  const tree = await packed(t);
  const folder = tempDir(t);
  write(folder, { 'package.json': '{ "name": "consumer", "version": "1.0.0", "private": true, "type": "module" }\n' });
  const tarballs = names.map((name) => tarballOf(tree, name));
  const install = ['install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', ...tarballs];
  const installed = await runProcess(t, install, { executable: 'npm', cwd: folder, env, timeoutMs: 300_000 });
  assert.equal(installed.code, 0, installed.lines.join('\n'));

  await t.test('Node imports it', async (t) => {
    write(folder, { 'use.mjs': consumer.replace(': Viewer', '') });
    const used = await runProcess(t, ['use.mjs'], { cwd: folder });
    assert.deepEqual([used.code, used.stdout], [0, ['loaded function function']], used.lines.join('\n'));
  });

  await t.test('a type checker accepts its declarations', async (t) => {
    const compilerOptions = {
      strict: true,
      noEmit: true,
      target: 'es2024',
      module: 'nodenext',
      lib: ['es2024', 'dom', 'dom.iterable'],
      types: [],
      skipLibCheck: false,
    };
    write(folder, { 'use.ts': consumer, 'tsconfig.json': JSON.stringify({ compilerOptions, files: ['use.ts'] }) });
    const checked = await runProcess(t, [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.'], { cwd: folder });
    assert.equal(checked.code, 0, checked.lines.join('\n'));
    write(folder, { 'use.ts': consumer.replace("stream: 'demo'", 'stream: 12') });
    const wrong = await runProcess(t, [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.'], { cwd: folder });
    assert.notEqual(wrong.code, 0, 'a wrong option is refused');
  });

  await t.test('Vite bundles the client for browsers', async (t) => {
    write(folder, {
      'index.html': '<!doctype html><script type="module" src="/page.js"></script>\n',
      'page.js': `${consumer.replace(': Viewer', '')}import * as browser from '@hayate/client/browser';\nconsole.log(browser);\n`,
    });
    const built = await runProcess(t, [join(root, 'node_modules/vite/bin/vite.js'), 'build'], { cwd: folder, timeoutMs: 300_000 });
    assert.equal(built.code, 0, built.lines.join('\n'));
    assert.doesNotMatch(built.lines.join('\n'), /externalized for browser/);
    const assets = readdirSync(join(folder, 'dist/assets')).filter((name) => name.endsWith('.js'));
    assert.ok(assets.length > 0);
    for (const asset of assets) assert.doesNotMatch(readFileSync(join(folder, 'dist/assets', asset), 'utf8'), /from\s*["'](node:|@hayate)/);
  });

  await t.test('npx hayate serve answers, with its pages', async (t) => {
    const server = startProcess(t, ['hayate', 'serve', '--port', '0', '--data', join(folder, 'data')], {
      executable: 'npx',
      cwd: folder,
      env,
    });
    const [, url] = await server.untilLine(/listening on (http:\S+)/, { timeoutMs: 60_000 });
    const alive = await fetch(`${url}/livez`);
    assert.equal(alive.status, 200);
    const page = await (await fetch(`${url}/`)).text();
    assert.match(page, /<script [^>]*type="module"/);
    assert.deepEqual(
      readdirSync(folder).filter((name) => relative('.', name) === 'data'),
      ['data'],
    );
  });
});
