// A machine that can be killed and whose power can fail. In: product code that works in `folder`
// with node:fs/promises. Its calls really run there, one at a time, in an order that the seed
// draws; each change is recorded in a DiskModel. After a given number of calls nothing happens any
// more, as if the process had ended. Then `restart` gives a new folder with what is left.
import { closeSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { setImmediate as settle } from 'node:timers/promises';
import { cleanUp, type TestScope } from '../clean-up.ts';
import { DiskModel, type Draw, type Tree } from './disk-model.ts';
import { FILE_CALLS, type Recorder } from './file-calls.ts';
import { type FileCalls, routeFileCalls } from './route.ts';

/** Syncs are only recorded, so memory will do, and is faster. */
const BASE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** SQLite's files: native code writes them, they hold no data, and a missing one is made. */
const UNRECORDED = /(^|\/)lock\.db(-journal)?$/;

interface Call {
  readonly run: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** One machine with one disk. */
export class Machine implements FileCalls {
  readonly disk = new DiskModel();
  readonly draw: Draw;
  readonly #base = mkdtempSync(join(BASE, 'hayate-machine-'));
  readonly #open = new Set<number>();
  #starts = 0;
  #folder = this.#newFolder();
  #waiting: Call[] = [];
  #running: Promise<void> | undefined;
  #callsLeft = Number.POSITIVE_INFINITY;
  #ended = Promise.withResolvers<'ended'>();

  /** Works in a temporary folder of the test `t`. */
  constructor(t: TestScope, draw: Draw) {
    this.draw = draw;
    cleanUp(t, () => rmSync(this.#base, { recursive: true, force: true, maxRetries: 3 }));
    routeFileCalls(t, this);
  }

  /** Where the product keeps its files; changes with each restart. */
  get folder(): string {
    return this.#folder;
  }

  /**
   * Runs `work` until it is done, or until it has made `calls` calls of the file system: then it
   * hangs forever, and this resolves to 'ended'.
   */
  async run(calls: number, work: () => Promise<void>): Promise<'done' | 'ended'> {
    this.#callsLeft = calls;
    this.#ended = Promise.withResolvers<'ended'>();
    const outcome = await Promise.race([work().then(() => 'done' as const), this.#ended.promise]);
    if (outcome === 'done') this.#compare();
    return outcome;
  }

  /**
   * Starts it again, after its process was killed (the disk keeps all that programs saw, synced or
   * not) or after the power failed.
   */
  async restart(after: 'kill' | 'power cut'): Promise<void> {
    this.#callsLeft = 0;
    await this.#running;
    this.#waiting = [];
    for (const descriptor of this.#open) closeSync(descriptor);
    this.#open.clear();
    if (after === 'power cut') this.disk.cut(this.draw);
    this.#folder = this.#newFolder();
    for (const [path, content] of this.disk.tree()) {
      if (content === undefined) mkdirSync(join(this.#folder, path));
      else writeFileSync(join(this.#folder, path), content);
    }
    this.#callsLeft = Number.POSITIVE_INFINITY;
  }

  owns(path: string): boolean {
    return path === this.#folder || path.startsWith(`${this.#folder}/`);
  }

  call(name: string, args: unknown[]): Promise<unknown> {
    const call = FILE_CALLS.get(name);
    if (call === undefined) throw new Error(`a test of power cuts does not know fs.${name}`);
    const { folder } = this;
    const recorder: Recorder = {
      disk: this.disk,
      pathOf: (path) => relative(folder, String(path)),
      inTurn: (run) => this.#inTurn(run),
      opened: (descriptor) => this.#open.add(descriptor),
      close: (descriptor) => {
        if (this.#open.delete(descriptor)) closeSync(descriptor);
      },
    };
    return this.#inTurn(() => call(recorder, args));
  }

  #newFolder(): string {
    const folder = join(this.#base, String(this.#starts++));
    mkdirSync(folder);
    return folder;
  }

  #inTurn<T>(run: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ run, resolve: (value) => resolve(value as T), reject });
      this.#running ??= this.#runAll();
    });
  }

  /** Runs the calls that wait, each alone, and then lets the program react to its result. */
  async #runAll(): Promise<void> {
    await settle();
    while (this.#waiting.length > 0) {
      if (this.#callsLeft <= 0) {
        this.#ended.resolve('ended');
        break;
      }
      this.#callsLeft -= 1;
      const [call] = this.#waiting.splice(this.draw(this.#waiting.length), 1);
      if (call === undefined) break;
      try {
        call.resolve(call.run());
      } catch (error) {
        call.reject(error);
      }
      await settle();
    }
    this.#running = undefined;
  }

  /** Fails if files were changed in a way that was not recorded. */
  #compare(): void {
    const real: Tree = new Map();
    for (const entry of readdirSync(this.#folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      real.set(relative(this.#folder, path), entry.isDirectory() ? undefined : readFileSync(path));
    }
    const shown = (tree: Tree) =>
      [...tree]
        .filter(([path]) => !UNRECORDED.test(path))
        .map(([path, content]) => `${path} in ${dirname(path)}: ${content === undefined ? 'folder' : content.toString('base64')}`)
        .sort();
    const [recorded, found] = [shown(this.disk.tree()), shown(real)];
    if (recorded.join('\n') !== found.join('\n'))
      throw new Error(
        `not recorded: ${found.filter((line) => !recorded.includes(line))}; not done: ${recorded.filter((line) => !found.includes(line))}`,
      );
  }
}
