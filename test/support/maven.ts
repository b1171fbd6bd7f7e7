// In: a pom.xml that names JVM libraries. Out: a folder with their jars from Maven Central, fetched
// once. It appears only when it is complete; a test that asks while another one fetches waits.
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import type { TestScope } from './clean-up.ts';
import { startProcess } from './process.ts';
import { requireFullRun, requireTool } from './require-tool.ts';

/** Absolute paths of the programs needed for fetching and running. */
export type JvmTools = { readonly java: string; readonly mvn: string; readonly flock: string };

/**
 * The programs, if the jars are in `folder` or may be fetched. Returns undefined after skipping the
 * test `t`, which should then return. `what` names the jars. Throws in a full run when a program is
 * missing.
 */
export const requireJvm = (t: TestContext, folder: string, what: string): JvmTools | undefined => {
  const java = requireTool(t, 'java');
  const mvn = java && requireTool(t, 'mvn');
  const flock = mvn && requireTool(t, 'flock');
  if (flock && !existsSync(folder) && !requireFullRun(t, `needs ${what}, from Maven Central`)) return undefined;
  return java && mvn && flock ? { java, mvn, flock } : undefined;
};

/**
 * Fills `folder` with the jars of `pom` and their dependencies, unless it exists. Throws with
 * Maven's last lines if it fails.
 */
export const ensureJars = async (t: TestScope, { mvn, flock }: JvmTools, pom: string, folder: string): Promise<void> => {
  mkdirSync(dirname(folder), { recursive: true });
  const copy = '"$2" -q -B -f "$3" dependency:copy-dependencies -DoutputDirectory="$1.part"';
  const fetch = `test -d "$1" || { rm -rf "$1.part" && ${copy} && mv "$1.part" "$1"; }`;
  const lock = join(dirname(folder), 'lock');
  const fetching = startProcess(t, [lock, 'sh', '-c', fetch, 'sh', folder, mvn, pom], { executable: flock });
  const { code } = await fetching.exit;
  if (code !== 0) throw new Error(`could not fetch the jars of ${pom}:\n${fetching.lines.slice(-20).join('\n')}`);
};
