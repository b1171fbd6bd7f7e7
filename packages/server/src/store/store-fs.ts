// Objects as plain files: the key is the path under one directory. An object appears whole and durable or not at all,
// since it is written elsewhere and then linked to its name, which fails if the name is taken, or renamed to replace what has it. Unlike in other stores no
// object's key may be another's directory ('a' and 'a/b'). Several processes may share the directory.
import { randomBytes } from 'node:crypto';
import { type BigIntStats, constants, type Dirent } from 'node:fs';
import { type FileHandle, link, lstat, mkdir, open, readdir, realpath, rename, rmdir, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeDirectory, syncDirectory, writeFileDurably } from '../kernel/durable-file.ts';
import { HayateError } from '../kernel/error.ts';
import { checkKey, isKeySegment, type ObjectState, type ReadRange, type Store, type StoredObject } from './store.ts';

/** Holds what is being written. Not a name that a key can have. */
const TEMPORARY = '.tmp~';
/** What lies there for longer was left by a crash: no object takes as long to write. */
const ABANDONED_MS = 3_600_000;
/** How often a put makes its directory again because a delete pruned it in between. */
const TRIES_MAX = 20;
/** Files asked for their size at once while listing. */
const STAT_BATCH = 64;

/** Opens the store in `directory`, which is made if it is missing. */
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
    // Only to save the writing; what decides is the link.
    if ((await this.#isPlain(path)) && (await this.#taken(key, path))) return false;
    return this.#placing(key, bytes, async (temporary) => {
      const error = await failure(link(temporary, path));
      // If it is gone already, someone has deleted it.
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
      // What is there must be an object: a link might lead out of the store.
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
    if (!(await this.#isPlain(path)) || !(await isFile(path))) return false;
    const error = await failure(unlink(path));
    if (error?.code === 'ENOENT') return false;
    if (error !== undefined) throw error;
    await this.#syncNames(path);
    await this.#prune(dirname(path));
    return true;
  }

  async close(): Promise<void> {}

  /** Writes `bytes` elsewhere, makes the key's directories and lets `place` name the file; again while it answers undefined. */
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

  /** Whether `path` exists and no part of it below the root is a symbolic link, which might lead out of the store. */
  async #isPlain(path: string): Promise<boolean> {
    return (await realpath(path).catch(absent)) === path;
  }

  async #open(key: string): Promise<FileHandle | undefined> {
    const path = this.#path(key);
    if (!(await this.#isPlain(path)) || !(await isFile(path))) return undefined;
    return open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(absent);
  }

  /** Whether the object that had the name is still there. Then it is durable too: it may be from a writer that died before its name was. */
  async #taken(key: string, path: string): Promise<boolean> {
    const stats = await lstat(path).catch(absent);
    if (stats === undefined) return false;
    if (!stats.isFile()) throw new HayateError('CONFLICT', `${key} is not free and no object: other keys lie below it, or it is a link`);
    return this.#syncNames(path);
  }

  /** Makes the object's directories. False if a delete took one of them meanwhile. */
  async #makeDirectories(key: string, directory: string): Promise<boolean> {
    // What exists of the path must be plain before anything is made below it.
    let existing = directory;
    while ((await failure(lstat(existing)))?.code === 'ENOENT') existing = dirname(existing);
    if (!(await this.#isPlain(existing))) {
      if ((await failure(lstat(existing)))?.code === 'ENOENT') return false;
      throw new HayateError('CONFLICT', `${key} lies below another object or behind a symbolic link`);
    }
    const error = await failure(mkdir(directory, { recursive: true }));
    if (error?.code === 'ENOTDIR' || error?.code === 'EEXIST')
      throw new HayateError('CONFLICT', `${key} lies below another object`, { cause: error });
    if (error !== undefined && error.code !== 'ENOENT') throw error;
    return error === undefined;
  }

  /** Makes a name durable, and those of the directories it is in; false if they are gone. Syncing what is clean costs next to nothing. */
  async #syncNames(path: string): Promise<boolean> {
    for (let at = path; at !== this.#root; at = dirname(at)) {
      const error = await failure(syncDirectory(dirname(at)));
      if (error?.code === 'ENOENT') return false;
      if (error !== undefined) throw error;
    }
    return true;
  }

  /** Removes directories that are empty, upwards. A put that loses its directory to this makes it again. */
  async #prune(directory: string): Promise<void> {
    for (let at = directory; at !== this.#root; at = dirname(at)) if ((await failure(rmdir(at))) !== undefined) return;
  }

  /** Objects in `directory` ('' or ending in '/') and below, by key. Directories sort as their keys do: with their '/'. */
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

/** Whether a listing needs this file, or anything in this directory (`key` ends in '/'). Keys are ASCII: string order is byte order. */
function mayHold(entry: Dirent, key: string, prefix: string, after: string): boolean {
  if (!entry.isDirectory()) return key.startsWith(prefix) && key > after;
  return (key.startsWith(prefix) || prefix.startsWith(key)) && (key > after || after.startsWith(key));
}

/** A file that replaces another is written while that one exists, so it has another inode, and a later time of writing. */
function versionOf({ mtimeNs, ino, size }: BigIntStats): string {
  return [mtimeNs, ino, size].map((number) => number.toString(36)).join('-');
}

async function isFile(path: string): Promise<boolean> {
  return (await lstat(path).catch(absent))?.isFile() ?? false;
}

/** For `catch`: what does not exist is undefined, other errors stay. */
function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'ENAMETOOLONG') return undefined;
  throw error;
}

/** The error a file operation ended in; undefined if it went well. */
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
