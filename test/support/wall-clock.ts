// In: processes that are started with the environment given here. Out: they all see one wall clock that a test can move, forward and
// back, while they run; their monotonic clocks and timers are the machine's. wall-clock.c, preloaded, does it: for Node and for Java.
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { cleanUp } from './clean-up.ts';
import { root, runProcess } from './process.ts';
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
    // Eight bytes that are written at once are seen at once by those who have them mapped.
    writeSync(file, new Uint8Array(BigInt64Array.of(BigInt(Math.round(aheadSeconds * 1_000))).buffer), 0, 8, 0);
  };
  set(0);
  return { env: { LD_PRELOAD: library, TEST_WALL_CLOCK: path }, set };
};
