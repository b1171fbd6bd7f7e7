// Files that survive a power cut: what is on disk when these resolve stays there. A new name is durable only once its
// directory is synced, and a file that is replaced is at every moment either the old one or the new one, whole.
import { mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes the names in `directory` durable. */
export async function syncDirectory(directory: string): Promise<void> {
  // Windows gives no handle to a directory; NTFS journals names by itself.
  if (process.platform === 'win32') return;
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes `directory` and its missing parents, durably. Nothing happens if it exists. */
export async function makeDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true });
  if (first === undefined) return;
  const top = dirname(first);
  for (let parent = dirname(directory); ; parent = dirname(parent)) {
    await syncDirectory(parent);
    if (parent === top || parent === dirname(parent)) return;
  }
}

/** Writes a new file durably but for its name. The caller then renames or links it, and syncs that directory. */
export async function writeFileDurably(path: string, content: string | Uint8Array): Promise<void> {
  const handle = await open(path, 'w');
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Replaces (or creates) a small file atomically and durably. One call at a time per path: it goes through `<path>.tmp`. */
export async function replaceFile(path: string, content: string): Promise<void> {
  const temporary = `${path}.tmp`;
  await writeFileDurably(temporary, content);
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}
