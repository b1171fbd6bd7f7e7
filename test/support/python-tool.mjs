// @ts-check
// In: the name of a Python package that tests use and Debian lacks. Out: a Python that can import
// it, and the command that installs it there from PyPI. Each version has its own environment in
// .cache/, which appears only when it is complete. `npm run test:full` installs all packages before
// the tests begin: it runs this file as a program, under the lock.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { debianPython } from './tool-package.mjs';

/**
 * Package to version. Only wheels are installed: nothing is compiled.
 * @type {Readonly<Record<string, string>>}
 */
export const pythonTools = { pyarrow: '26.0.1', 'grpcio-tools': '1.85.1' };

/**
 * Further packages in a package's environment. grpcio-tools: the dependencies of clients/python.
 * @type {Readonly<Record<string, readonly string[]>>}
 */
export const pythonCompanions = { 'grpcio-tools': ['protobuf==7.36.2', 'websockets==17.4'] };

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const cache = join(root, '.cache/python-tool');

/** @param {string} name */
const folderOf = (name) => {
  const version = pythonTools[name];
  if (version === undefined) throw new Error(`${name} is not listed in test/support/python-tool.mjs`);
  return join(cache, `${name}-${version}`);
};

/** The Python that can import `name`, once installed. @param {string} name */
export const pythonToolPath = (name) => join(folderOf(name), 'bin/python');

/**
 * Arguments for `flock` that install the package unless it exists.
 * @param {string} name
 */
export const pythonToolInstall = (name) => {
  mkdirSync(cache, { recursive: true });
  return [join(cache, 'lock'), process.execPath, fileURLToPath(import.meta.url), name];
};

/** @param {string} name */
const install = (name) => {
  const folder = folderOf(name);
  if (existsSync(folder)) return;
  const part = `${folder}.part`;
  rmSync(part, { recursive: true, force: true });
  execFileSync(debianPython, ['-m', 'venv', part], { stdio: 'inherit' });
  const pip = ['-m', 'pip', 'install', '--no-deps', '--only-binary', ':all:', '--disable-pip-version-check'];
  execFileSync(join(part, 'bin/python'), [...pip, `${name}==${pythonTools[name]}`, ...(pythonCompanions[name] ?? [])], {
    stdio: 'inherit',
  });
  renameSync(part, folder);
};

if (process.argv[1] === fileURLToPath(import.meta.url)) install(process.argv[2] ?? '');
