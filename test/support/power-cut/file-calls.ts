// The calls of node:fs/promises that durable code uses, with what each changes on a disk. In: a
// call. Out: its result on a real folder, with its changes recorded. A call that is not listed here
// is refused, so that no change goes unrecorded. Syncs are only recorded.
import fs, { constants } from 'node:fs';
import { dirname } from 'node:path';
import type { DiskModel } from './disk-model.ts';

/** Where the changes of a call are recorded. */
export interface Recorder {
  readonly disk: DiskModel;
  /** The path below the disk's root. */
  pathOf(path: unknown): string;
  /** Runs one call of an open file when its turn comes. */
  inTurn<T>(run: () => T): Promise<T>;
  /** A file was opened; it is closed with the machine if it is not closed before. */
  opened(descriptor: number): void;
  /** Closes a file. */
  close(descriptor: number): void;
}

type FileCall = (recorder: Recorder, args: unknown[]) => unknown;
type SyncCall = (...args: unknown[]) => unknown;

const readOnly =
  (call: unknown): FileCall =>
  (_, args) =>
    (call as SyncCall)(...args);

/** A call that changes names: records them after the real call has succeeded. */
const naming =
  (call: unknown, record: (disk: DiskModel, from: string, to: string) => void): FileCall =>
  ({ disk, pathOf }, args) => {
    (call as SyncCall)(...args);
    record(disk, pathOf(args[0]), pathOf(args[1]));
  };

const makeFolders: FileCall = ({ disk, pathOf }, args) => {
  const result = (fs.mkdirSync as SyncCall)(...args);
  const missing: string[] = [];
  for (let path = pathOf(args[0]); disk.find(path) === undefined; path = dirname(path)) missing.unshift(path);
  for (const path of missing) disk.create(path, 'folder');
  return result;
};

const openFile: FileCall = (recorder, args) => {
  const { disk, pathOf } = recorder;
  if (isUnknownOpen(args[1])) throw new Error(`fs.open with the flags ${args[1]} is not recorded`);
  const descriptor = Number((fs.openSync as SyncCall)(...args));
  recorder.opened(descriptor);
  const flags = String(args[1] ?? 'r');
  const found = disk.find(pathOf(args[0]));
  const node = found ?? disk.create(pathOf(args[0]), 'file');
  if (found !== undefined && flags.startsWith('w') && disk.size(node) > 0) disk.truncate(node, 0);
  return new RecordedFile(recorder, descriptor, node, flags.startsWith('a'));
};

/** `fs.writeFile`: opens, writes and closes; the file is not synced. */
const writeWhole: FileCall = ({ disk, pathOf }, args) => {
  const [path, data, options] = args;
  if (typeof options === 'object' && options !== null && 'flag' in options) throw new Error('fs.writeFile with a flag is not recorded');
  (fs.writeFileSync as SyncCall)(...args);
  const found = disk.find(pathOf(path));
  const node = found ?? disk.create(pathOf(path), 'file');
  if (found !== undefined) disk.truncate(node, 0);
  disk.write(node, 0, bytesOf(data));
};

const truncatePath: FileCall = ({ disk, pathOf }, args) => {
  (fs.truncateSync as SyncCall)(...args);
  disk.truncate(disk.find(pathOf(args[0])) ?? Number.NaN, Number(args[1] ?? 0));
};

/** By the names of node:fs/promises. */
export const FILE_CALLS: ReadonlyMap<string, FileCall> = new Map([
  ['open', openFile],
  ['writeFile', writeWhole],
  ['truncate', truncatePath],
  ['mkdir', makeFolders],
  ['link', naming(fs.linkSync, (disk, from, to) => disk.link(from, to))],
  ['rename', naming(fs.renameSync, (disk, from, to) => disk.rename(from, to))],
  ['unlink', naming(fs.unlinkSync, (disk, path) => disk.remove(path))],
  ['rmdir', naming(fs.rmdirSync, (disk, path) => disk.remove(path))],
  ['access', readOnly(fs.accessSync)],
  ['lstat', readOnly(fs.lstatSync)],
  ['readFile', readOnly(fs.readFileSync)],
  ['readdir', readOnly(fs.readdirSync)],
  ['realpath', readOnly(fs.realpathSync)],
  ['stat', readOnly(fs.statSync)],
]);

/** The part of a FileHandle that durable code uses. */
class RecordedFile {
  readonly #recorder: Recorder;
  readonly #descriptor: number;
  readonly #node: number;
  readonly #appends: boolean;
  /** Where a write without a position continues. */
  #end: number;

  constructor(recorder: Recorder, descriptor: number, node: number, appends: boolean) {
    this.#recorder = recorder;
    this.#descriptor = descriptor;
    this.#node = node;
    this.#appends = appends;
    this.#end = appends ? recorder.disk.size(node) : 0;
  }

  write(bytes: Uint8Array, offset = 0, length = bytes.length - offset, position: number | null = null): Promise<{ bytesWritten: number }> {
    return this.#inTurn(() => this.#write(bytes.subarray(offset, offset + length), position));
  }

  writev(buffers: readonly Uint8Array[], position: number | null = null): Promise<{ bytesWritten: number }> {
    return this.#inTurn(() => this.#write(Buffer.concat(buffers), position));
  }

  writeFile(data: unknown): Promise<void> {
    return this.#inTurn(() => void this.#write(bytesOf(data), null));
  }

  truncate(size = 0): Promise<void> {
    return this.#inTurn(() => {
      fs.ftruncateSync(this.#descriptor, size);
      this.#recorder.disk.truncate(this.#node, size);
    });
  }

  sync(): Promise<void> {
    return this.#inTurn(() => this.#recorder.disk.sync(this.#node));
  }

  datasync(): Promise<void> {
    return this.sync();
  }

  read(bytes: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesRead: number; buffer: Uint8Array }> {
    return this.#inTurn(() => ({ bytesRead: fs.readSync(this.#descriptor, bytes, offset, length, position), buffer: bytes }));
  }

  readFile(options?: BufferEncoding): Promise<string | Buffer> {
    return this.#inTurn(() => (options === undefined ? fs.readFileSync(this.#descriptor) : fs.readFileSync(this.#descriptor, options)));
  }

  stat(options?: { bigint?: boolean }): Promise<fs.Stats | fs.BigIntStats> {
    return this.#inTurn(() => fs.fstatSync(this.#descriptor, options));
  }

  close(): Promise<void> {
    return this.#inTurn(() => this.#recorder.close(this.#descriptor));
  }

  #inTurn<T>(run: () => T): Promise<T> {
    return this.#recorder.inTurn(run);
  }

  #write(bytes: Uint8Array, position: number | null): { bytesWritten: number } {
    const at = position === null || this.#appends ? this.#end : position;
    if (position === null) this.#end += bytes.length;
    for (let done = 0; done < bytes.length; )
      done += fs.writeSync(this.#descriptor, bytes, done, bytes.length - done, this.#appends ? null : at + done);
    this.#recorder.disk.write(this.#node, at, bytes);
    return { bytesWritten: bytes.length };
  }
}

function bytesOf(data: unknown): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data, 'utf8');
  if (data instanceof Uint8Array) return data;
  throw new Error('only text and bytes are recorded');
}

/** Whether the flags of `open` may create or change a file in a way that is not recorded. */
function isUnknownOpen(flags: unknown): boolean {
  if (typeof flags === 'number') return (flags & (constants.O_CREAT | constants.O_TRUNC | constants.O_WRONLY | constants.O_RDWR)) !== 0;
  return !['r', 'r+', 'w', 'wx', 'w+', 'wx+', 'a', undefined].includes(flags as string);
}
