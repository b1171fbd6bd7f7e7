// In: the name of a program that is built from Go's module proxy. Out: its path, or a skip that
// names the missing program. A full run builds every missing program before the tests begin; other
// runs fetch nothing.
import { existsSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { goToolBuild, goToolPath } from './go-tool.mjs';
import { runProcess } from './process.ts';
import { requireFullRun, requireTool } from './require-tool.ts';

/** Building takes minutes on a small machine. */
const buildTimeoutMs = 900_000;

/**
 * The absolute path of the program `name` of go-tool.mjs. Returns undefined after skipping the
 * test, which should then return.
 */
export const requireGoProgram = async (t: TestContext, name: string): Promise<string | undefined> => {
  if (existsSync(goToolPath(name))) return goToolPath(name);
  if (!requireFullRun(t, `needs ${name}, which is built once`)) return undefined;
  const go = requireTool(t, 'go');
  const flock = go && requireTool(t, 'flock');
  if (flock === undefined) return undefined;
  const { code, lines } = await runProcess(t, goToolBuild(name), { executable: flock, timeoutMs: buildTimeoutMs });
  if (code !== 0) throw new Error(`could not build ${name}:\n${lines.slice(-20).join('\n')}`);
  return goToolPath(name);
};
