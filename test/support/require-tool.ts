// In: the name of an outside program or Python module that a test needs. Out: its path, or a skip
// that says how to get it. In full mode (HAYATE_TEST_FULL=1, set by `npm run test:full`) a missing
// one is a failure, so no test is ever skipped there.
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'node:test';
import { debianPython, pythonPackages, toolPackages } from './tool-package.mjs';

/** Whether this run must not skip anything. */
export const isFullRun = process.env.HAYATE_TEST_FULL === '1';

/**
 * Skips the test `t` because `missing` is missing, or fails it in full mode. `enable` is the
 * command that installs it.
 */
const refuse = (t: TestContext, missing: string, enable: string): undefined => {
  if (isFullRun) throw new Error(`${missing} is missing: ${enable}`);
  t.skip(`needs ${missing}: ${enable}`);
  return undefined;
};

const installCommand = (debianPackage: string): string => `npm run test:full, or apt-get install ${debianPackage}`;

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

const findTool = (name: string): string | undefined =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(isExecutable);

const debianPackageOf = (table: Readonly<Record<string, string>>, name: string): string => {
  const debianPackage = table[name];
  if (debianPackage === undefined) throw new Error(`${name} is not listed in test/support/tool-package.mjs`);
  return debianPackage;
};

/**
 * The absolute path of the program `name`. Returns undefined after skipping the test `t`, which
 * should then return. Throws in full mode when the program is missing, and always when it is not in
 * the table of tool-package.mjs.
 */
export const requireTool = (t: TestContext, name: string): string | undefined => {
  const debianPackage = debianPackageOf(toolPackages, name);
  return findTool(name) ?? refuse(t, name, installCommand(debianPackage));
};

const interpreters = new Map<string, string | undefined>();

/**
 * The absolute path of a Python 3 that can import every one of `modules`. Returns undefined after
 * skipping the test `t`. Debian's own Python is tried first. Throws in full mode when there is
 * none.
 */
export const requirePython = (t: TestContext, ...modules: string[]): string | undefined => {
  const debianPackagesOf = modules.map((module) => debianPackageOf(pythonPackages, module));
  const imports = modules.join(', ');
  if (!interpreters.has(imports)) {
    const candidates = [debianPython, findTool('python3')].filter((path) => path !== undefined);
    const works = (python: string): boolean => spawnSync(python, ['-c', `import ${imports}`], { stdio: 'ignore' }).status === 0;
    interpreters.set(imports, candidates.find(works));
  }
  return interpreters.get(imports) ?? refuse(t, `Python's ${imports}`, installCommand(debianPackagesOf.join(' ')));
};

/**
 * Skips the test `t` unless this is a full run: for tests that download or take minutes. Returns
 * true when the test may continue.
 */
export const requireFullRun = (t: TestContext, why: string): boolean => {
  if (!isFullRun) t.skip(`${why}: npm run test:full`);
  return isFullRun;
};
