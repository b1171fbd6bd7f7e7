// In: processes that are started with the environment given here. Out: they all see one wall clock that a test can move, forward and
// back, while they run; their monotonic clocks and timers are the machine's. libfaketime, from Debian, does it.
import { renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { runProcess } from './process.ts';
import { requireTool } from './require-tool.ts';
import { tempDir } from './temp-dir.ts';

/** A wall clock. */
export interface WallClock {
  /** For the processes that shall see it. */
  readonly env: Readonly<Record<string, string>>;
  /** Sets how far it is ahead of the machine's, seconds; negative: behind. Processes see it at their next look. */
  set(aheadSeconds: number): void;
}

/** Makes a clock that shows the machine's time; undefined after having skipped the test, which should then return. */
export const makeWallClock = async (t: TestContext): Promise<WallClock | undefined> => {
  const faketime = requireTool(t, 'faketime');
  const printenv = faketime && requireTool(t, 'printenv');
  if (faketime === undefined || printenv === undefined) return undefined;
  // Where the library lies, only the wrapper knows.
  const { stdout } = await runProcess(t, ['-f', '+0', printenv, 'LD_PRELOAD'], { executable: faketime });
  const [library] = stdout;
  if (library === undefined) throw new Error('faketime names no library');
  const file = join(tempDir(t), 'ahead');
  const set = (aheadSeconds: number): void => {
    const next = join(dirname(file), 'next');
    writeFileSync(next, `${aheadSeconds < 0 ? '' : '+'}${aheadSeconds}s\n`);
    renameSync(next, file);
  };
  set(0);
  const env = { LD_PRELOAD: library, FAKETIME_TIMESTAMP_FILE: file, FAKETIME_NO_CACHE: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1' };
  return { env, set };
};
