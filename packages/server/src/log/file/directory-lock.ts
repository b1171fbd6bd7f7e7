// Admits one process per directory. The lock is SQLite's write lock on a small file. This is the
// operating system's own file lock on every platform. Containers that share the disk see it, and
// the kernel releases it however the process ends.
import { readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { HayateError } from '../../kernel/error.ts';

/** Held until it is released or the process ends. */
export interface DirectoryLock {
  release(): void;
}

const SQLITE_BUSY = 5;

/**
 * Locks `directory`, which must exist. Throws IN_USE, naming the holder, if another process or
 * another log of this process holds the lock.
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const holder = join(directory, 'lock.holder');
  const database = new DatabaseSync(join(directory, 'lock.db'));
  try {
    // This transaction never writes: it takes the lock and journals nothing.
    database.exec('BEGIN IMMEDIATE');
  } catch (error) {
    database.close();
    if (!(error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY)) throw error;
    const by = await readFile(holder, 'utf8').catch(() => 'another process');
    throw new HayateError('IN_USE', `${directory} is in use by ${by.trim()}. Only one process can open a file log.`, { cause: error });
  }
  // Only for the message above; the database holds the lock.
  await writeFile(holder, `process ${process.pid} on ${hostname()} since ${new Date().toISOString()}\n`);
  return { release: () => database.close() };
}
