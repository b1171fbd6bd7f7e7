// In: processes started with the environment given here. Out: they all see one wall clock that a
// test can move forward and back while they run. Their monotonic clocks and timers are the
// machine's. The preloaded wall-clock.c does this for Node and for Java.
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { cleanUp } from './clean-up.ts';
import { root, runProcess } from './process.ts';
import { requireTool } from './require-tool.ts';
import { tempDir } from './temp-dir.ts';

/** A wall clock. */
export interface WallClock {
  /** Environment of the processes that see this clock. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * Sets how far the clock is ahead of the machine's, in seconds; a negative number is behind.
   * Processes see it when they next read the clock.
   */
  set(aheadSeconds: number): void;
}

/**
 * Makes a clock that shows the machine's time. Returns undefined after skipping the test, which
 * should then return.
 */
export const makeWallClock = async (t: TestContext): Promise<WallClock | undefined> => {
  const cc = requireTool(t, 'cc');
  if (cc === undefined) return undefined;
  const folder = tempDir(t);
  const library = join(folder, 'wall-clock.so');
  const source = join(root, 'test/support/wall-clock.c');
  const { code, lines } = await runProcess(t, ['-O1', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-o', library, source], {
    executable: cc,
  });
  if (code !== 0) throw new Error(`wall-clock.c cannot be compiled:\n${lines.join('\n')}`);
  const path = join(folder, 'ahead');
  const file = openSync(path, 'w');
  cleanUp(t, () => closeSync(file));
  const set = (aheadSeconds: number): void => {
    // Eight bytes written in one call become visible at once to the processes that have the file
    // mapped.
    writeSync(file, new Uint8Array(BigInt64Array.of(BigInt(Math.round(aheadSeconds * 1_000))).buffer), 0, 8, 0);
  };
  set(0);
  return { env: { LD_PRELOAD: library, TEST_WALL_CLOCK: path }, set };
};
