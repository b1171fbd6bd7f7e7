// Writes files that survive a power cut: once these functions resolve, the data stays on disk. A
// new name is durable only once its directory is synced. A replaced file is at every moment either
// the whole old one or the whole new one.
import { mkdir, open, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes the names in `directory` durable. */
export async function syncDirectory(directory: string): Promise<void> {
  // Windows has no handles for directories; NTFS journals names itself.
  if (process.platform === 'win32') return;
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Makes `directory` and its missing parents durably, each before the next. If it exists already, a
 * process that was killed may have made it a moment ago, so its name is synced in any case.
 */
export async function makeDirectory(directory: string): Promise<void> {
  const parent = dirname(directory);
  const error = await failure(mkdir(directory));
  if (error?.code === 'ENOENT' && parent !== directory) {
    await makeDirectory(parent);
    return makeDirectory(directory);
  }
  if (error === undefined) return syncDirectory(parent);
  if (!(await stat(directory).catch(() => undefined))?.isDirectory()) throw error;
  const unsynced = await failure(syncDirectory(parent));
  // A parent that this process may not read was made by somebody else, with this directory in it.
  if (unsynced !== undefined && unsynced.code !== 'EACCES' && unsynced.code !== 'EPERM') throw unsynced;
}

/**
 * Writes a new file; its content is durable, but not its name. The caller then renames or links it,
 * and syncs that directory.
 */
export async function writeFileDurably(path: string, content: string | Uint8Array): Promise<void> {
  const handle = await open(path, 'w');
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Replaces (or creates) a small file atomically and durably. Only one call at a time per path,
 * since it writes to `<path>.tmp`.
 */
export async function replaceFile(path: string, content: string): Promise<void> {
  const temporary = `${path}.tmp`;
  await writeFileDurably(temporary, content);
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}

/** The error of a failed file operation; undefined if it succeeded. */
async function failure(operation: Promise<unknown>): Promise<NodeJS.ErrnoException | undefined> {
  return operation.then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error,
  );
}
