// In: the repository. Out: a throw-away copy of it in the system's temporary folder, where one file
// at a time is mutated. The repository itself never changes, also if this process is killed, and
// every process that a test starts from the copy runs the mutant. The copy has a temporary folder
// of its own, because a test that is killed leaves its files.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copySourceTree, linkPackages, sourcePaths } from '../support/source-tree.ts';

/** Folders beside the sources that tests need, and never change. */
const SHARED_FOLDERS = ['.runtime', '.cache', 'packages/server/pages'];

/** A copy of a repository. Paths are relative to its root, with '/'. */
export class WorkingCopy {
  readonly #folder = mkdtempSync(join(tmpdir(), 'hayate-mutate-'));
  /** The copy's root. */
  readonly root = join(this.#folder, 'tree');
  /** For the temporary files of tests. */
  readonly tempFolder = join(this.#folder, 'tmp');
  /** Every file of the repository. */
  readonly paths: readonly string[];

  /** Copies the files of the git working tree in `from`, those that are not ignored. */
  constructor(from: string) {
    this.paths = sourcePaths(from);
    copySourceTree(this.root, from);
    if (existsSync(join(from, 'node_modules'))) linkPackages(this.root);
    for (const name of SHARED_FOLDERS)
      if (existsSync(join(from, name)) && !existsSync(join(this.root, name))) symlinkSync(join(from, name), join(this.root, name));
    mkdirSync(this.tempFolder);
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), 'utf8');
  }

  write(path: string, source: string): void {
    writeFileSync(join(this.root, path), source);
  }

  /** Empties the temporary folder. Disks that a killed test left mounted there are unmounted. */
  clear(): void {
    const mounts = existsSync('/proc/mounts') ? readFileSync('/proc/mounts', 'utf8').split('\n') : [];
    for (const [, target = ''] of mounts.map((line) => line.split(' ')))
      if (target.startsWith(`${this.tempFolder}/`)) spawnSync('umount', [target]);
    rmSync(this.tempFolder, { recursive: true, force: true, maxRetries: 3 });
    mkdirSync(this.tempFolder);
  }

  /** Removes the copy. */
  remove(): void {
    this.clear();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 3 });
  }
}
