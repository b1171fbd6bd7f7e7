// In: a folder. Out: a small disk mounted there until the test ends, which a test can fill. It is a
// tmpfs; mounting one needs root.
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { cleanUp } from './clean-up.ts';
import { isFullRun, requireTool } from './require-tool.ts';

/** A small disk. */
export interface SmallDisk {
  /** Fills the disk to the last byte with one file. */
  fill(): void;
  /** Deletes that file. */
  free(): void;
}

/** No object of the archive can have this name. */
const BALLAST = '.ballast~';

/**
 * Mounts a disk of `bytes` on `folder`, which is created. Returns undefined after skipping the
 * test, which should then return.
 */
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
        // Writes ever smaller pieces, as a piece that does not fit may not be written at all.
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
