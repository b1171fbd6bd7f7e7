// Writes files that survive a power cut: once these functions resolve, the data stays on disk. A
// new name is durable only once its directory is synced. A replaced file is at every moment either
// the whole old one or the whole new one.
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, rename, stat, unlink } from 'node:fs/promises';
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
 * Makes `directory` and its missing parents durably, each before the next. The first one that
 * exists may have been made a moment ago by a process that was killed, so its name is synced as
 * well.
 */
export async function makeDirectory(directory: string): Promise<void> {
  const parent = dirname(directory);
  const stats = await stat(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' && parent !== directory) return undefined;
    throw error;
  });
  if (stats === undefined) {
    await makeDirectory(parent);
    // Another process may make it at the same time.
    await mkdir(directory, { recursive: true });
    return syncDirectory(parent);
  }
  if (!stats.isDirectory()) throw Object.assign(new Error(`EEXIST: ${directory} is not a directory`), { code: 'EEXIST', path: directory });
  await syncDirectory(parent).catch((error: NodeJS.ErrnoException) => {
    // A directory whose parent this process may not read was made for it, and not by it.
    if (error.code !== 'EACCES' && error.code !== 'EPERM') throw error;
  });
}

/**
 * Writes a new file; its content is durable, but not its name. The caller then renames or links it,
 * and syncs that directory. `mode` holds its permissions.
 */
export async function writeFileDurably(path: string, content: string | Uint8Array, mode = 0o666): Promise<void> {
  const handle = await open(path, 'w', mode);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Replaces (or creates) a small file atomically and durably. Only one call at a time per path,
 * since it writes to `<path>.tmp`. `mode` holds its permissions.
 */
export async function replaceFile(path: string, content: string, mode?: number): Promise<void> {
  const temporary = `${path}.tmp`;
  await writeFileDurably(temporary, content, mode);
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}

/**
 * Creates a small file atomically and durably, unless the path is taken: then the existing file
 * stays, and its name is durable. Any number of processes may call it at once.
 */
export async function createFile(path: string, content: string, mode: number): Promise<void> {
  const temporary = `${path}.${randomBytes(8).toString('hex')}.tmp`;
  await writeFileDurably(temporary, content, mode);
  try {
    await link(temporary, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  } finally {
    await unlink(temporary);
  }
  await syncDirectory(dirname(path));
}
