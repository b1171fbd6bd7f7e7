// In: a folder. Out: a disk of its own mounted there, so small that it can be filled, until the test ends. A tmpfs: it takes root's
// rights to mount one.
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { cleanUp } from './clean-up.ts';
import { isFullRun, requireTool } from './require-tool.ts';

/** A small disk. */
export interface SmallDisk {
  /** Fills it to the last byte with a file of its own. */
  fill(): void;
  /** Takes that file away. */
  free(): void;
}

/** Not a name that an object of the archive can have. */
const BALLAST = '.ballast~';

/** Mounts a disk of `bytes` on `folder`, which is made; undefined after having skipped the test, which should then return. */
export const mountSmallDisk = (t: TestContext, folder: string, bytes: number): SmallDisk | undefined => {
  const mount = requireTool(t, 'mount');
  if (mount === undefined) return undefined;
  mkdirSync(folder, { recursive: true });
  const { status, stderr } = spawnSync(mount, ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder], { encoding: 'utf8' });
  if (status !== 0) {
    const why = `a disk that fills needs the right to mount a tmpfs: ${stderr.trim()}`;
    if (isFullRun) throw new Error(why);
    t.skip(why);
    return undefined;
  }
  cleanUp(t, () => {
    const unmounted = spawnSync('umount', [folder], { encoding: 'utf8' });
    if (unmounted.status !== 0) throw new Error(unmounted.stderr);
  });
  const ballast = join(folder, BALLAST);
  return {
    fill: () => {
      const file = openSync(ballast, 'a');
      try {
        // By ever smaller pieces, as a piece that does not fit whole may not be written at all.
        for (let piece = Buffer.alloc(65_536, 1); piece.length > 0; )
          try {
            while (writeSync(file, piece) === piece.length);
          } catch (error) {
            if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
            piece = piece.subarray(0, piece.length >> 1);
          }
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(ballast, { force: true }),
  };
};
