// In: the repository. Out: the paths of the files that belong to it: tracked files, and new files
// that are not ignored. A test thus sees the content of a commit made now, and a copy of the tree
// equals a fresh clone.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from './process.ts';

/** Every file that belongs to the repository in `from`, relative to its root, with '/', sorted. */
export const sourcePaths = (from = root): string[] => {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const listed = execFileSync('git', args, { cwd: from, encoding: 'utf8', maxBuffer: 2 ** 26 }).split('\0');
  return [...new Set(listed)].filter((path) => path !== '' && existsSync(join(from, path))).sort();
};

/** Copies every such file into `folder`. */
export const copySourceTree = (folder: string, from = root): void => {
  for (const path of sourcePaths(from)) {
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(join(from, path), target);
  }
};

/**
 * Lets a copy of the tree in `folder` use the packages installed here; its workspaces remain its
 * own.
 */
export const linkPackages = (folder: string): void => {
  const [from, to] = [join(root, 'node_modules'), join(folder, 'node_modules')];
  mkdirSync(to);
  for (const name of readdirSync(from)) {
    if (name === '@hayate') continue;
    // npm also writes to the records of the installed packages, so the copy gets its own.
    if (name.endsWith('.json')) cpSync(join(from, name), join(to, name));
    else symlinkSync(join(from, name), join(to, name));
  }
  mkdirSync(join(to, '@hayate'));
  for (const name of readdirSync(join(from, '@hayate'))) symlinkSync(join(folder, 'packages', name), join(to, '@hayate', name));
};
