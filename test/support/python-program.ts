// In: the name of a Python package that Debian lacks. Out: a Python that can import it, or a skip
// that names the missing package. A full run installs every missing package before the tests begin;
// other runs fetch nothing.
import { existsSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { runProcess } from './process.ts';
import { pythonToolInstall, pythonToolPath } from './python-tool.mjs';
import { requireFullRun, requirePython, requireTool } from './require-tool.ts';

/** Fetching may take minutes on a slow connection. */
const installTimeoutMs = 600_000;

/**
 * The absolute path of a Python with the package `name` of python-tool.mjs. Returns undefined after
 * skipping the test, which should then return.
 */
export const requirePythonTool = async (t: TestContext, name: string): Promise<string | undefined> => {
  if (existsSync(pythonToolPath(name))) return pythonToolPath(name);
  if (!requireFullRun(t, `needs ${name}, which is installed once`)) return undefined;
  const python = requirePython(t, 'ensurepip');
  const flock = python && requireTool(t, 'flock');
  if (flock === undefined) return undefined;
  const { code, lines } = await runProcess(t, pythonToolInstall(name), { executable: flock, timeoutMs: installTimeoutMs });
  if (code !== 0) throw new Error(`could not install ${name}:\n${lines.slice(-20).join('\n')}`);
  return pythonToolPath(name);
};
