// The calls of node:fs/promises that durable code uses, with what each changes on a disk. In: a
// call. Out: its real result, with its changes recorded in the order in which they happen. A call
// that is not listed here is refused, so that no change goes unrecorded. Syncs are only recorded.
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { DiskModel } from './disk-model.ts';

type Original = (...args: unknown[]) => Promise<unknown>;

/** Owns paths and makes the calls that concern them. */
export interface FileCalls {
  owns(path: string): boolean;
  /** Makes the call `name`, which `original` really performs. */
  call(name: string, original: Original, args: unknown[]): Promise<unknown>;
}

/** Where the changes of a call are recorded. */
interface Recorder {
  readonly disk: DiskModel;
  /** The path below the disk's root. */
  pathOf(path: unknown): string;
  /** Runs one call of an open file when its turn comes. */
  inTurn<T>(run: () => Promise<T>): Promise<T>;
  /** Calls `close` when the machine ends, unless the returned function was called before. */
  onClose(close: () => Promise<void>): () => void;
}

type FileCall = (recorder: Recorder, original: Original, args: unknown[]) => Promise<unknown>;

const readOnly: FileCall = (_, original, args) => original(...args);

/** A call that changes names: records them after the real call has succeeded. */
const naming =
  (record: (disk: DiskModel, from: string, to: string) => void): FileCall =>
  async ({ disk, pathOf }, original, args) => {
    const result = await original(...args);
    record(disk, pathOf(args[0]), pathOf(args[1]));
    return result;
  };

const makeFolders: FileCall = async ({ disk, pathOf }, original, args) => {
  const result = await original(...args);
  const missing: string[] = [];
  for (let path = pathOf(args[0]); disk.find(path) === undefined; path = dirname(path)) missing.unshift(path);
  for (const path of missing) disk.create(path, 'folder');
  return result;
};

const openFile: FileCall = async (recorder, original, args) => {
  const { disk, pathOf } = recorder;
  const flags = flagBits(args[1] ?? 'r');
  const handle = (await original(...args)) as FileHandle;
  const path = pathOf(args[0]);
  const found = disk.find(path);
  const node = found ?? disk.create(path, 'file');
  if (found !== undefined && (flags & constants.O_TRUNC) !== 0 && disk.size(node) > 0) disk.truncate(node, 0);
  return recordedHandle(recorder, handle, node, (flags & constants.O_APPEND) !== 0);
};

/** `fs.writeFile`: opens, writes and closes; the file is not synced. */
const writeWhole: FileCall = async ({ disk, pathOf }, original, args) => {
  const [path, data, options] = args;
  const result = await original(...args);
  const found = disk.find(pathOf(path));
  const node = found ?? disk.create(pathOf(path), 'file');
  if (typeof options === 'object' && options !== null && 'flag' in options) throw new Error('fs.writeFile with a flag is not recorded');
  if (found !== undefined) disk.truncate(node, 0);
  disk.write(node, 0, bytesOf(data));
  return result;
};

const truncatePath: FileCall = async ({ disk, pathOf }, original, args) => {
  const result = await original(...args);
  disk.truncate(disk.find(pathOf(args[0])) ?? Number.NaN, Number(args[1] ?? 0));
  return result;
};

/** By the names of node:fs/promises. */
export const FILE_CALLS: Readonly<Record<string, FileCall>> = {
  open: openFile,
  writeFile: writeWhole,
  truncate: truncatePath,
  mkdir: makeFolders,
  link: naming((disk, from, to) => disk.link(from, to)),
  rename: naming((disk, from, to) => disk.rename(from, to)),
  unlink: naming((disk, path) => disk.remove(path)),
  rmdir: naming((disk, path) => disk.remove(path)),
  ...Object.fromEntries(['access', 'lstat', 'readFile', 'readdir', 'realpath', 'stat'].map((name) => [name, readOnly])),
};

/** The methods of an open file that are refused, as they would change it unseen. */
const REFUSED = ['appendFile', 'createWriteStream', 'writableWebStream'] as const;

/** Replaces the methods of `handle` by ones that wait for their turn and record. */
function recordedHandle(recorder: Recorder, handle: FileHandle, node: number, appends: boolean): FileHandle {
  const { disk, inTurn } = recorder;
  const { write, writev, writeFile, truncate, close, read, readFile, stat } = handle;
  const closed = recorder.onClose(() => close.call(handle));
  /** Where a write without a position continues. */
  let end = appends ? disk.size(node) : 0;
  const record = (bytes: Uint8Array, position: unknown) => {
    const at = typeof position === 'number' && !appends ? position : end;
    if (typeof position !== 'number' || appends) end += bytes.length;
    disk.write(node, at, bytes);
  };
  const sync = () => inTurn(async () => disk.sync(node));
  const methods = {
    write: (bytes: Uint8Array, offset = 0, length = bytes.length - offset, position: unknown = null) =>
      inTurn(async () => {
        const result = await (write as Original).call(handle, bytes, offset, length, position);
        const { bytesWritten } = result as { bytesWritten: number };
        record(bytes.subarray(offset, offset + bytesWritten), position);
        return result;
      }),
    writev: (buffers: readonly Uint8Array[], position?: number) =>
      inTurn(async () => {
        const result = await writev.call(handle, buffers, position);
        record(Buffer.concat(buffers).subarray(0, result.bytesWritten), position);
        return result;
      }),
    writeFile: (data: unknown) =>
      inTurn(async () => {
        await (writeFile as Original).call(handle, data);
        record(bytesOf(data), null);
      }),
    truncate: (size = 0) =>
      inTurn(async () => {
        await truncate.call(handle, size);
        disk.truncate(node, size);
      }),
    sync,
    datasync: sync,
    close: () =>
      inTurn(async () => {
        closed();
        await close.call(handle);
      }),
    read: (...args: unknown[]) => inTurn(() => (read as Original).apply(handle, args)),
    readFile: (...args: unknown[]) => inTurn(() => (readFile as Original).apply(handle, args)),
    stat: (...args: unknown[]) => inTurn(() => (stat as Original).apply(handle, args)),
  };
  const refuse = (name: string) => () => {
    throw new Error(`a test of power cuts does not know the method ${name} of an open file`);
  };
  return Object.assign(handle, methods, Object.fromEntries(REFUSED.map((name) => [name, refuse(name)])));
}

function bytesOf(data: unknown): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data, 'utf8');
  if (data instanceof Uint8Array) return data;
  throw new Error('only text and bytes are recorded');
}

function flagBits(flags: unknown): number {
  if (typeof flags === 'number') return flags;
  const { O_APPEND, O_CREAT, O_TRUNC } = constants;
  const bits = String(flags).startsWith('w') ? O_CREAT | O_TRUNC : String(flags).startsWith('a') ? O_CREAT | O_APPEND : 0;
  return bits;
}
