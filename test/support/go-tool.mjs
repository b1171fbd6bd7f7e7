// @ts-check
// In: the name of a Go program that tests run. Out: where it is, and the command that builds it there: from its sources in
// Go's module proxy, or from a folder of this repository. Each version has a folder of its own in .cache/, which appears
// when it is whole. A process that asks while another builds waits. `npm run test:full` builds all before the tests begin.
// That command runs this file as a program, under the lock: `node go-tool.mjs NAME`.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * A program is built from a package of a module at a version, or from a package of the module in a folder. The hash of that
 * module's sources is then the version.
 * @typedef {{ module: string, version: string, path: string } | { folder: string, path: string }} GoTool
 */

/** @type {Readonly<Record<string, GoTool>>} */
export const goTools = {
  'conformance-watch': { folder: 'clients/go', path: './cmd/conformance-watch' },
  'fake-gcs-server': { module: 'github.com/fsouza/fake-gcs-server', version: 'v1.56.1', path: '' },
  'protoc-gen-go': { module: 'google.golang.org/protobuf', version: 'v1.33.0', path: '/cmd/protoc-gen-go' },
  'read-protobuf': { folder: 'test/conformance/read-protobuf', path: '.' },
  versitygw: { module: 'github.com/versity/versitygw', version: 'v1.8.0', path: '/cmd/versitygw' },
};

/** A Go too old to fetch a newer one by itself (before 1.21) takes this one, which is a module like any other. */
const toolchain = 'v0.0.1-go1.26.8';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const cache = join(root, '.cache/go-tool');

/** @param {string} name */
const toolOf = (name) => {
  const tool = goTools[name];
  if (tool === undefined) throw new Error(`${name} is not listed in test/support/go-tool.mjs`);
  return tool;
};

/** @param {GoTool} tool */
const versionOf = (tool) => {
  if ('version' in tool) return tool.version;
  const hash = createHash('sha256');
  const sources = readdirSync(join(root, tool.folder), { recursive: true, encoding: 'utf8' });
  for (const file of sources.filter((file) => /(?<!_test)\.go$|go\.(mod|sum)$/.test(file)).sort())
    hash.update(readFileSync(join(root, tool.folder, file)));
  return hash.digest('hex').slice(0, 16);
};

/** The folder that is there once `name` is built. @param {string} name */
const folderOf = (name) => join(cache, `${name}-${versionOf(toolOf(name))}`);

/** Where the program is, once built. @param {string} name */
export const goToolPath = (name) => join(folderOf(name), name);

/**
 * Arguments for `flock`: builds the program unless it is there. Takes minutes the first time, nothing later.
 * @param {string} name
 */
export const goToolBuild = (name) => {
  mkdirSync(cache, { recursive: true });
  return [join(cache, 'lock'), process.execPath, fileURLToPath(import.meta.url), name];
};

/** Environment of a Go that may fetch a newer one, and that builds without a C compiler. */
export const goEnvironment = { GOTOOLCHAIN: 'auto', CGO_ENABLED: '0' };

/** The program `go`, new enough or able to fetch a Go that is. It fetches one itself where the machine's cannot. */
export const findGo = () => {
  const [, minor = 0] = /^go1\.(\d+)/.exec(execFileSync('go', ['env', 'GOVERSION'], { encoding: 'utf8' })) ?? [];
  if (Number(minor) >= 21) return 'go';
  const arch = execFileSync('go', ['env', 'GOOS', 'GOARCH'], { encoding: 'utf8' }).trim().split('\n').join('-');
  const folder = join(cache, `toolchain-${toolchain}`);
  if (!existsSync(folder)) {
    const download = ['mod', 'download', '-json', `golang.org/toolchain@${toolchain}.${arch}`];
    const { Dir: from } = JSON.parse(execFileSync('go', download, { encoding: 'utf8', cwd: cache }));
    rmSync(`${folder}.part`, { recursive: true, force: true });
    // Modules are kept read-only, and hold no file modes.
    execFileSync('cp', ['-R', '--no-preserve=mode', from, `${folder}.part`]);
    for (const place of ['bin', `pkg/tool/${arch.replace('-', '_')}`])
      for (const program of readdirSync(join(`${folder}.part`, place))) chmodSync(join(`${folder}.part`, place, program), 0o755);
    renameSync(`${folder}.part`, folder);
  }
  return join(folder, 'bin/go');
};

/** @param {string} name */
const build = (name) => {
  const folder = folderOf(name);
  if (existsSync(folder)) return;
  const tool = toolOf(name);
  const part = `${folder}.part`;
  rmSync(part, { recursive: true, force: true });
  const env = { ...process.env, ...goEnvironment, GOBIN: part };
  const [what, cwd] = 'folder' in tool ? [tool.path, join(root, tool.folder)] : [`${tool.module}${tool.path}@${tool.version}`, cache];
  execFileSync(findGo(), ['install', what], { env, stdio: 'inherit', cwd });
  renameSync(part, folder);
};

if (process.argv[1] === fileURLToPath(import.meta.url)) build(process.argv[2] ?? '');
