// Objects as plain files: the key is the path below one directory. An object appears whole and
// durable, or not at all: it is written under a temporary name. Then it is linked to its key, which
// fails if the key is taken, or renamed to replace the existing object. Unlike in other stores, no
// object's key may be another's directory ('a' and 'a/b'). Several processes may share the
// directory.
import { randomBytes } from 'node:crypto';
import { type BigIntStats, constants, type Dirent } from 'node:fs';
import { type FileHandle, link, lstat, mkdir, open, readdir, realpath, rename, rmdir, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeDirectory, syncDirectory, writeFileDurably } from '../../kernel/durable-file.ts';
import { HayateError } from '../../kernel/error.ts';
import { checkKey, isKeySegment, type ObjectState, type ReadRange, type Store, type StoredObject } from '../store.ts';

/** The directory of files that are being written. No key can have this name. */
const TEMPORARY = '.tmp~';
/** An older file was left by a crash: no object takes this long to write. */
const ABANDONED_MS = 3_600_000;
/** How often a put creates its directory again after a concurrent delete pruned it. */
const TRIES_MAX = 20;
/** How many files a listing stats at once. */
const STAT_BATCH = 64;

/** Opens the store in `directory`, and creates it if it is missing. */
export async function openFsStore(options: { directory: string }): Promise<Store> {
  await makeDirectory(join(options.directory, TEMPORARY));
  const root = await realpath(options.directory);
  await removeAbandoned(join(root, TEMPORARY));
  return new FsStore(root);
}

class FsStore implements Store {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async putIfAbsent(key: string, bytes: Uint8Array): Promise<boolean> {
    const path = this.#path(key);
    // Saves the writing when the key is taken; only the link below decides.
    if ((await this.#isPlain(path)) && (await this.#taken(key, path))) return false;
    return this.#placing(key, bytes, async (temporary) => {
      const error = await failure(link(temporary, path));
      // If the object is already gone, it was deleted meanwhile.
      if (error === undefined) {
        await this.#syncNames(path);
        return true;
      }
      if (error.code === 'EEXIST' && (await this.#taken(key, path))) return false;
      if (error.code !== 'EEXIST' && error.code !== 'ENOENT') throw error;
      return undefined;
    });
  }

  async replace(key: string, bytes: Uint8Array): Promise<void> {
    const path = this.#path(key);
    await this.#placing(key, bytes, async (temporary) => {
      // The existing file must be an object: a link might lead out of the store.
      await this.#taken(key, path);
      const error = await failure(rename(temporary, path));
      if (error?.code === 'ENOENT') return undefined;
      if (error !== undefined) throw error;
      await this.#syncNames(path);
      return true;
    });
  }

  async get(key: string, range?: ReadRange): Promise<Uint8Array | undefined> {
    const handle = await this.#open(key);
    if (handle === undefined) return undefined;
    try {
      if (range === undefined) return await handle.readFile();
      const { offset, length, version } = range;
      if (![offset, length].every((value) => Number.isSafeInteger(value) && value >= 0))
        throw new RangeError(`not a range: ${offset} + ${length}`);
      const stats = await handle.stat({ bigint: true });
      if (version !== undefined && version !== versionOf(stats)) return undefined;
      const size = Number(stats.size);
      const bytes = Buffer.alloc(Math.max(0, Math.min(length, size - offset)));
      for (let filled = 0; filled < bytes.length; ) {
        const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, offset + filled);
        if (bytesRead === 0) throw new HayateError('CORRUPT', `${key} became shorter while it was read`);
        filled += bytesRead;
      }
      return bytes;
    } finally {
      await handle.close();
    }
  }

  async head(key: string): Promise<ObjectState | undefined> {
    const handle = await this.#open(key);
    if (handle === undefined) return undefined;
    try {
      const stats = await handle.stat({ bigint: true });
      return { key, size: Number(stats.size), version: versionOf(stats), modifiedMs: Number(stats.mtimeMs) };
    } finally {
      await handle.close();
    }
  }

  async *list(prefix: string, after = ''): AsyncGenerator<StoredObject, void, undefined> {
    const directory = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    const segments = directory.split('/').slice(0, -1);
    if (!segments.every(isKeySegment) || !(await this.#isPlain(join(this.#root, ...segments)))) return;
    yield* this.#walk(directory, prefix, after);
  }

  async delete(key: string): Promise<boolean> {
    const path = this.#path(key);
    const isThere = (await this.#isPlain(path)) && (await isFile(path));
    const error = isThere ? await failure(unlink(path)) : undefined;
    if (error !== undefined && error.code !== 'ENOENT') throw error;
    if (!isThere || error !== undefined) {
      await this.#syncAbsence(path);
      return false;
    }
    await this.#syncNames(path);
    await this.#prune(dirname(path));
    return true;
  }

  async close(): Promise<void> {}

  /**
   * Writes `bytes` to a temporary file, creates the key's directories and calls `place` to name the
   * file. Repeats while `place` returns undefined.
   */
  async #placing(key: string, bytes: Uint8Array, place: (temporary: string) => Promise<boolean | undefined>): Promise<boolean> {
    const temporary = join(this.#root, TEMPORARY, `${process.pid}-${randomBytes(12).toString('hex')}`);
    try {
      await writeFileDurably(temporary, bytes);
      for (let tries = 0; tries < TRIES_MAX; tries++) {
        if (!(await this.#makeDirectories(key, dirname(this.#path(key))))) continue;
        const placed = await place(temporary);
        if (placed !== undefined) return placed;
      }
      throw new HayateError('CONFLICT', `${key} cannot be put: its directory is deleted again and again`, { temporary: true });
    } finally {
      await failure(unlink(temporary));
    }
  }

  #path(key: string): string {
    checkKey(key);
    return join(this.#root, ...key.split('/'));
  }

  /**
   * Whether `path` exists and has no symbolic link below the root, which might lead out of the
   * store.
   */
  async #isPlain(path: string): Promise<boolean> {
    return (await realpath(path).catch(absent)) === path;
  }

  async #open(key: string): Promise<FileHandle | undefined> {
    const path = this.#path(key);
    if (!(await this.#isPlain(path)) || !(await isFile(path))) return undefined;
    return open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(absent);
  }

  /**
   * Whether the object that had the name still exists. If so, it makes the name durable: the writer
   * may have died before that.
   */
  async #taken(key: string, path: string): Promise<boolean> {
    const stats = await lstat(path).catch(absent);
    if (stats === undefined) return false;
    if (!stats.isFile())
      throw new HayateError('CONFLICT', `${key} is neither free nor an object: other keys lie below it, or it is a link`);
    return this.#syncNames(path);
  }

  /** Creates the object's directories. False if a delete removed one of them meanwhile. */
  async #makeDirectories(key: string, directory: string): Promise<boolean> {
    // Check the existing part of the path before creating anything below it.
    let existing = directory;
    while ((await failure(lstat(existing)))?.code === 'ENOENT') existing = dirname(existing);
    const real = await realpath(existing).catch((error: NodeJS.ErrnoException) => error);
    const stats = await lstat(existing).catch(absent);
    const isOther = stats !== undefined && !stats.isDirectory();
    const isGone = real instanceof Error ? real.code === 'ENOENT' : stats === undefined;
    if (isOther || (real !== existing && !isGone))
      throw new HayateError('CONFLICT', `${key} is below another object or below a symbolic link`);
    if (isGone) return false;
    const error = await failure(mkdir(directory, { recursive: true }));
    if (error === undefined) return true;
    // EEXIST and ENOTDIR: a file was in the way, or a directory was deleted meanwhile. The next try
    // decides which.
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST' && error.code !== 'ENOTDIR') throw error;
    return false;
  }

  /**
   * Makes a name and the names of its directories durable; false if they are gone. Syncing a clean
   * directory costs almost nothing.
   */
  async #syncNames(path: string): Promise<boolean> {
    for (let at = path; at !== this.#root; at = dirname(at)) {
      const error = await failure(syncDirectory(dirname(at)));
      if (error?.code === 'ENOENT') return false;
      if (error !== undefined) throw error;
    }
    return true;
  }

  /**
   * Makes it durable that nothing has this name: a process may have deleted the object, or removed
   * its directory, and died before the sync.
   */
  async #syncAbsence(path: string): Promise<void> {
    for (let at = dirname(path); ; at = dirname(at)) {
      const error = await failure(syncDirectory(at));
      if (error === undefined) return;
      if (at === this.#root || (error.code !== 'ENOENT' && error.code !== 'ENOTDIR')) throw error;
    }
  }

  /** Removes empty directories, upwards. A put that loses its directory creates it again. */
  async #prune(directory: string): Promise<void> {
    for (let at = directory; at !== this.#root; at = dirname(at)) if ((await failure(rmdir(at))) !== undefined) return;
  }

  /**
   * Objects in `directory` ('' or ending in '/') and below, by key. Directories sort with their
   * '/', as their keys do.
   */
  async *#walk(directory: string, prefix: string, after: string): AsyncGenerator<StoredObject, void, undefined> {
    const entries = await readdir(join(this.#root, directory), { withFileTypes: true }).catch(absent);
    const wanted = (entries ?? [])
      .filter((entry) => isKeySegment(entry.name) && (entry.isFile() || entry.isDirectory()))
      .map((entry) => ({ entry, key: `${directory}${entry.name}${entry.isDirectory() ? '/' : ''}` }))
      .filter(({ entry, key }) => mayHold(entry, key, prefix, after))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
    let files: string[] = [];
    for (const [index, { entry, key }] of wanted.entries()) {
      if (!entry.isDirectory()) files.push(key);
      if (entry.isDirectory() || files.length === STAT_BATCH || index === wanted.length - 1) {
        for (const object of await Promise.all(files.map((file) => this.#stored(file)))) if (object !== undefined) yield object;
        files = [];
      }
      if (entry.isDirectory()) yield* this.#walk(key, prefix, after);
    }
  }

  async #stored(key: string): Promise<StoredObject | undefined> {
    const stats = await lstat(join(this.#root, key)).catch(absent);
    return stats?.isFile() ? { key, size: stats.size } : undefined;
  }
}

/**
 * Whether a listing needs this file, or anything in this directory (`key` ends in '/'). Keys are
 * ASCII, so string order is byte order.
 */
function mayHold(entry: Dirent, key: string, prefix: string, after: string): boolean {
  if (!entry.isDirectory()) return key.startsWith(prefix) && key > after;
  return (key.startsWith(prefix) || prefix.startsWith(key)) && (key > after || after.startsWith(key));
}

/**
 * A replacement is written while the old file exists, so it has another inode and a later
 * modification time.
 */
function versionOf({ mtimeNs, ino, size }: BigIntStats): string {
  return [mtimeNs, ino, size].map((number) => number.toString(36)).join('-');
}

async function isFile(path: string): Promise<boolean> {
  return (await lstat(path).catch(absent))?.isFile() ?? false;
}

/** For `catch`: missing files give undefined; other errors are thrown again. */
function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'ENAMETOOLONG') return undefined;
  throw error;
}

/** The error of a failed file operation; undefined if it succeeded. */
async function failure(operation: Promise<unknown>): Promise<NodeJS.ErrnoException | undefined> {
  return operation.then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error,
  );
}

async function removeAbandoned(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    const stats = await stat(path).catch(absent);
    if (stats !== undefined && Date.now() - stats.mtimeMs > ABANDONED_MS) await failure(unlink(path));
  }
}
