// @ts-check
// In: the name of a Go program that tests run. Out: its path, and the command that builds it there:
// from its sources in Go's module proxy, or from a folder of this repository. Each version has its
// own folder in .cache/, which appears only when it is complete. A process that asks while another
// one builds waits. `npm run test:full` builds all programs before the tests begin: it runs this
// file as a program, under the lock: `node go-tool.mjs NAME`.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * A program is built either from a package of a module at a version, or from a package of the
 * module in a folder. In the second case the hash of the module's sources is the version.
 * @typedef {{ module: string, version: string, path: string }} ModuleTool
 * @typedef {{ folder: string, path: string }} FolderTool
 * @typedef {ModuleTool | FolderTool} GoTool
 */

/** @type {Readonly<Record<string, GoTool>>} */
export const goTools = {
  'conformance-watch': { folder: 'clients/go', path: './cmd/conformance-watch' },
  'fake-gcs-server': { module: 'github.com/fsouza/fake-gcs-server', version: 'v1.56.1', path: '' },
  'protoc-gen-go': { module: 'google.golang.org/protobuf', version: 'v1.33.0', path: '/cmd/protoc-gen-go' },
  'read-protobuf': { folder: 'test/conformance/read-protobuf', path: '.' },
  versitygw: { module: 'github.com/versity/versitygw', version: 'v1.8.0', path: '/cmd/versitygw' },
};

/**
 * A Go before 1.21 cannot fetch a newer one by itself. It uses this one, which is fetched as a
 * module.
 */
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

/** The folder that exists once `name` is built. @param {string} name */
const folderOf = (name) => join(cache, `${name}-${versionOf(toolOf(name))}`);

/** The path of the program, once built. @param {string} name */
export const goToolPath = (name) => join(folderOf(name), name);

/**
 * Arguments for `flock` that build the program unless it exists. Takes minutes the first time, no
 * time later.
 * @param {string} name
 */
export const goToolBuild = (name) => {
  mkdirSync(cache, { recursive: true });
  return [join(cache, 'lock'), process.execPath, fileURLToPath(import.meta.url), name];
};

/** Environment for a Go that may fetch a newer Go, and that builds without a C compiler. */
export const goEnvironment = { GOTOOLCHAIN: 'auto', CGO_ENABLED: '0' };

/**
 * A program `go` that is new enough, or can fetch one that is. If the machine's Go is too old for
 * both, this fetches one.
 */
export const findGo = () => {
  const [, minor = 0] = /^go1\.(\d+)/.exec(execFileSync('go', ['env', 'GOVERSION'], { encoding: 'utf8' })) ?? [];
  if (Number(minor) >= 21) return 'go';
  const arch = execFileSync('go', ['env', 'GOOS', 'GOARCH'], { encoding: 'utf8' }).trim().split('\n').join('-');
  const folder = join(cache, `toolchain-${toolchain}`);
  if (!existsSync(folder)) {
    const download = ['mod', 'download', '-json', `golang.org/toolchain@${toolchain}.${arch}`];
    const { Dir: from } = JSON.parse(execFileSync('go', download, { encoding: 'utf8', cwd: cache }));
    rmSync(`${folder}.part`, { recursive: true, force: true });
    // Module files are read-only and have no executable bits.
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
