// The output of `npm run pack:proto`, as a team that writes a client in another language uses it.
// Every copy of a commit gives the same bytes. They are unpacked by independent tools, installed by
// npm, compiled by protoc for every language, and read with their own vectors.
import assert from 'node:assert/strict';
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { type TestContext, test } from 'node:test';
import { requireGoProgram } from './support/go-program.ts';
import { root, runProcess } from './support/process.ts';
import { requirePython, requireTool } from './support/require-tool.ts';
import { copySourceTree, sourcePaths } from './support/source-tree.ts';
import { tempDir } from './support/temp-dir.ts';

const { version } = JSON.parse(readFileSync(join(root, 'packages/protocol/package.json'), 'utf8')) as { version: string };
const [tgz, zip] = [`hayate-proto-${version}.tgz`, `hayate-proto-${version}.zip`];

/** Runs the script of `tree` with the Node `executable`; returns the folder with both archives. */
const packed = async (t: TestContext, tree = root, executable = process.execPath): Promise<string> => {
  const out = tempDir(t);
  const { code, lines } = await runProcess(t, [join(tree, 'scripts/pack-proto.mjs'), '--out', out], { cwd: tree, executable });
  assert.equal(code, 0, lines.join('\n'));
  assert.deepEqual(readdirSync(out).sort(), [tgz, zip]);
  return out;
};

/** The content of every file below `folder`. */
const contentOf = (folder: string): Map<string, Buffer> =>
  new Map(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path): [string, Buffer] => [path.slice(folder.length + 1), readFileSync(path)]),
  );

/**
 * The folders that tar and unzip make from the two archives. Returns undefined after skipping the
 * test.
 */
const unpacked = async (t: TestContext): Promise<readonly string[] | undefined> => {
  const unzip = requireTool(t, 'unzip');
  if (unzip === undefined) return undefined;
  const out = await packed(t);
  const tar = await runProcess(t, ['xzf', join(out, tgz), '-C', out], { executable: 'tar' });
  assert.deepEqual([tar.code, tar.lines], [0, []]);
  const zipped = await runProcess(t, ['-q', join(out, zip), '-d', out], { executable: unzip });
  assert.deepEqual([zipped.code, zipped.lines], [0, []]);
  return [join(out, 'package'), join(out, `hayate-proto-${version}`)];
};

const digest = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

test('another copy of the commit gives the same bytes, with other file times, line ends and Node versions', async (t) => {
  const here = await packed(t);
  const tree = tempDir(t);
  copySourceTree(tree);
  for (const path of sourcePaths()) {
    if (!/^(spec|docs\/client|packages\/protocol\/proto)\/.*\.(md|proto|json|avsc)$/.test(path)) continue;
    writeFileSync(join(tree, path), readFileSync(join(root, path), 'utf8').replaceAll('\n', '\r\n'));
    utimesSync(join(tree, path), 1, 1);
  }
  // Stray files of editors and systems must not be included.
  for (const stray of ['spec/.DS_Store', 'packages/protocol/proto/hayate/v1/frame.proto~', 'docs/client/.unity.md.swp'])
    writeFileSync(join(tree, stray), 'stray');
  // The machine's own Node has another zlib.
  const there = await packed(t, tree, 'node');
  for (const name of [tgz, zip]) assert.equal(digest(join(there, name)), digest(join(here, name)), name);
});

test('tar and unzip extract the same files, which equal those of the repository', async (t) => {
  const folders = await unpacked(t);
  if (folders === undefined) return;
  const [fromTar, fromZip] = folders.map(contentOf);
  assert.deepEqual(fromTar, fromZip);
  const manifest = JSON.parse(fromTar?.get('package.json')?.toString('utf8') ?? '');
  assert.deepEqual([manifest.name, manifest.version, manifest.license], ['@hayate/proto', version, 'Apache-2.0']);
  const wanted = sourcePaths().filter((path) => /^(spec|docs\/client|packages\/protocol\/proto)\//.test(path) || path === 'LICENSE');
  const placeOf = (path: string): string =>
    path === 'packages/protocol/proto/README.md' ? 'README.md' : path.replace('packages/protocol/proto', 'proto');
  assert.deepEqual([...(fromTar?.keys() ?? [])], [...wanted.map(placeOf), 'package.json'].sort());
  for (const path of wanted.filter((each) => !each.endsWith('.md')))
    assert.ok(fromTar?.get(placeOf(path))?.equals(readFileSync(join(root, path))), path);
});

test('a link between packed pages leads to the same page as in the repository', async (t) => {
  const [folder] = (await unpacked(t)) ?? [];
  if (folder === undefined) return;
  let links = 0;
  for (const [path, content] of contentOf(folder)) {
    if (!path.endsWith('.md')) continue;
    for (const [, target = ''] of content.toString('utf8').matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const place = posix.normalize(posix.join(posix.dirname(path), target));
      assert.ok(!place.startsWith('..') && place !== 'README.md', `${path} leads out of what is packed: ${target}`);
      const original = place === 'proto' || place.startsWith('proto/') ? `packages/protocol/${place}` : place;
      assert.equal(existsSync(join(folder, place)), existsSync(join(root, original)), `${path}: ${target}`);
      links++;
    }
  }
  assert.ok(links > 20, `${links} links`);
});

test('npm installs the package without a network, and a bundler finds its files', async (t) => {
  const out = await packed(t);
  const folder = tempDir(t);
  writeFileSync(join(folder, 'package.json'), '{ "name": "consumer", "version": "1.0.0", "private": true }\n');
  const install = ['install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', join(out, tgz)];
  const { code, lines } = await runProcess(t, install, { executable: 'npm', cwd: folder, timeoutMs: 120_000 });
  assert.equal(code, 0, lines.join('\n'));
  const use = "console.log(require.resolve('@hayate/proto/proto/hayate/v1/frame.proto'), require('@hayate/proto/package.json').name)";
  const used = await runProcess(t, ['-e', use], { cwd: folder });
  assert.match(used.stdout.join('\n'), /node_modules\/@hayate\/proto\/proto\/hayate\/v1\/frame\.proto @hayate\/proto$/);
});

const generated = [
  { options: ['--csharp_out='], files: ['Frame.cs', 'Message.cs', 'Payload.cs'] },
  { options: ['--java_out=', '--kotlin_out='], files: ['hayate/v1/Frame.java', 'hayate/v1/FrameKt.kt', 'hayate/v1/ServerMessageKt.kt'] },
  { options: ['--java_out=lite:', '--kotlin_out=lite:'], files: ['hayate/v1/Frame.java', 'hayate/v1/WatchKt.kt'] },
  { options: ['--objc_out='], files: ['hayate/v1/Message.pbobjc.h', 'hayate/v1/Message.pbobjc.m'] },
  { options: ['--php_out='], files: ['Hayate/V1/Frame.php', 'Hayate/V1/ClientMessage.php'] },
  { options: ['--ruby_out='], files: ['hayate/v1/frame_pb.rb', 'hayate/v1/message_pb.rb'] },
  { options: ['--python_out='], files: ['hayate/v1/frame_pb2.py', 'hayate/v1/message_pb2.py'] },
  { options: ['--cpp_out='], files: ['hayate/v1/frame.pb.h', 'hayate/v1/message.pb.cc'] },
] as const;

const sourcesOf = (folder: string): string[] => readdirSync(join(folder, 'proto/hayate/v1')).map((name) => `hayate/v1/${name}`);

/** Compiles the packed files as their README says; `args` without `--proto_path`. */
const compile = (protoc: string, folder: string, args: readonly string[], sources = sourcesOf(folder)): void => {
  const { status, stderr } = spawnSync(protoc, ['--proto_path=proto', ...args, ...sources], { cwd: folder, encoding: 'utf8' });
  assert.equal(status, 0, `${args.join(' ')}: ${stderr}`);
  assert.equal(stderr, '', 'protoc has nothing to warn about');
};

test('protoc generates code from both archives for every language that it supports', async (t) => {
  const protoc = requireTool(t, 'protoc');
  const folders = protoc && (await unpacked(t));
  if (folders === undefined || protoc === undefined) return;
  for (const folder of folders)
    for (const { options, files } of generated) {
      const out = tempDir(t);
      compile(
        protoc,
        folder,
        options.map((option) => option + out),
      );
      for (const file of files) assert.ok(existsSync(join(out, file)), `${options.join(' ')}: ${file}`);
    }
});

test("Google's Python library reads the packed vectors with the packed files", async (t) => {
  const protoc = requireTool(t, 'protoc');
  const python = protoc && requirePython(t, 'google.protobuf');
  const folders = python && (await unpacked(t));
  if (folders === undefined || protoc === undefined || python === undefined) return;
  for (const folder of folders) {
    const out = tempDir(t);
    compile(protoc, folder, [`--python_out=${out}`]);
    const env = { ...process.env, PYTHONPATH: out, PYTHONDONTWRITEBYTECODE: '1' };
    const vectors = join(folder, 'spec/vectors');
    const read: SpawnSyncReturns<string> = spawnSync(python, [join(root, 'test/conformance/wire-python.py'), vectors], {
      encoding: 'utf8',
      env,
    });
    assert.equal(read.status, 0, read.stderr);
    assert.ok(JSON.parse(read.stdout).checked > 40);
  }
});

test("the README's command for Go generates code that compiles in a module of another name", async (t) => {
  const protoc = requireTool(t, 'protoc');
  const go = protoc && requireTool(t, 'go');
  const plugin = go && (await requireGoProgram(t, 'protoc-gen-go'));
  const [, folder] = (plugin && (await unpacked(t))) || [];
  if (folder === undefined || go === undefined || plugin === undefined) return;
  const [, command = ''] = /```sh\n(protoc [^`]*--go_out[^`]*)```/.exec(readFileSync(join(folder, 'README.md'), 'utf8')) ?? [];
  const env = { ...process.env, PATH: `${dirname(plugin)}:${process.env.PATH}`, GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'auto' };
  const made = spawnSync('sh', ['-ec', command], { cwd: folder, encoding: 'utf8', env });
  assert.deepEqual([made.status, made.stderr], [0, '']);
  mkdirSync(join(folder, 'hayatev1'), { recursive: true });
  assert.deepEqual(readdirSync(join(folder, 'hayatev1')).sort(), ['frame.pb.go', 'message.pb.go', 'payload.pb.go']);
  writeFileSync(join(folder, 'go.mod'), `module example.com/app\n\ngo 1.17\n\nrequire google.golang.org/protobuf ${protobufForGo}\n`);
  const built = await runProcess(t, ['build', './...'], { executable: go, cwd: folder, env, timeoutMs: 300_000 });
  assert.equal(built.code, 0, built.lines.join('\n'));
});

/** The version of Go's runtime to which the generator belongs. */
const protobufForGo = 'v1.33.0';

test('an unknown argument is refused, and nothing is written', async (t) => {
  const folder = tempDir(t);
  for (const args of [['--ou', folder], ['--out'], ['--out', folder, 'more']]) {
    const { code, lines } = await runProcess(t, [join(root, 'scripts/pack-proto.mjs'), ...args]);
    assert.equal(code, 1);
    assert.match(lines.join('\n'), /usage: npm run pack:proto/);
  }
  assert.deepEqual(readdirSync(folder), []);
});
