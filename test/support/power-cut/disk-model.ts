// What a disk holds after the power fails. In: every change to files and names, and every sync, in
// order. Out: the files and folders that are there afterwards. A change is durable only once its
// file, or a folder that it names, was synced after it. Of all other changes, chance keeps any
// subset: single sectors of a write, a longer file without its content, one name without another.

/** Disks write a sector whole or not at all. */
const SECTOR_BYTES = 512;

/** Returns an integer from 0 to before `below`. */
export type Draw = (below: number) => number;

/** An entry of a folder, by the numbers of the nodes. */
interface Name {
  readonly folder: number;
  readonly name: string;
}

type Change =
  | { readonly kind: 'write'; readonly file: number; readonly position: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly file: number; readonly size: number }
  | { readonly kind: 'names'; readonly removed?: Name; readonly added?: Name & { readonly node: number } }
  | { readonly kind: 'sync'; readonly node: number };

type Entries = Map<string, number>;

/** The files with their content, and the folders (undefined), by their paths below the root. */
export type Tree = Map<string, Buffer | undefined>;

/** How much of what was not synced survives: the share of sectors and of changed names. */
interface Luck {
  readonly data: number;
  readonly names: number;
}

/** Not allowed by the disk at this moment, as the real call would have failed. */
class ImpossibleError extends Error {}

/** The contents of all nodes while changes are applied to them. */
class State {
  readonly folders = new Map<number, Entries>();
  readonly files = new Map<number, Buffer>();

  content(file: number): Buffer {
    return this.files.get(file) ?? Buffer.alloc(0);
  }

  entries(folder: number): Entries {
    const entries = this.folders.get(folder);
    if (entries === undefined) throw new ImpossibleError(`node ${folder} is not a folder`);
    return entries;
  }

  resize(file: number, size: number): Buffer {
    const content = this.content(file);
    const resized = Buffer.concat([content.subarray(0, size), Buffer.alloc(Math.max(0, size - content.length))]);
    this.files.set(file, resized);
    return resized;
  }

  write(file: number, position: number, bytes: Buffer): void {
    bytes.copy(this.resize(file, Math.max(this.content(file).length, position + bytes.length)), position);
  }

  change({ removed, added }: Change & { kind: 'names' }): void {
    if (removed !== undefined) this.entries(removed.folder).delete(removed.name);
    if (added !== undefined) this.entries(added.folder).set(added.name, added.node);
  }

  /** Whether these names could have changed in this state. */
  allows({ removed, added }: Change & { kind: 'names' }): boolean {
    const node = removed === undefined ? undefined : this.entries(removed.folder).get(removed.name);
    if (removed !== undefined && node === undefined) return false;
    // A folder is removed only when it is empty. A new name must be free; a rename replaces files.
    if (added === undefined) return (this.folders.get(node ?? -1)?.size ?? 0) === 0;
    return removed !== undefined || !this.entries(added.folder).has(added.name);
  }

  tree(): Tree {
    const tree: Tree = new Map();
    const walk = (folder: number, prefix: string) => {
      for (const [name, node] of this.entries(folder)) {
        const isFolder = this.folders.has(node);
        tree.set(`${prefix}${name}`, isFolder ? undefined : this.content(node));
        if (isFolder) walk(node, `${prefix}${name}/`);
      }
    };
    walk(ROOT, '');
    return tree;
  }
}

const ROOT = 0;

/** A disk under one folder, its root, which is durable. Paths are relative to it, with '/'. */
export class DiskModel {
  /** Everything is durable in this state; `#changes` follow it. */
  #base = new State();
  #changes: Change[] = [];
  /** What programs see: the base with all changes. */
  #seen = new State();
  #nodes = 0;

  constructor() {
    for (const state of [this.#base, this.#seen]) state.folders.set(ROOT, new Map());
  }

  /** The node at `path`, or undefined. */
  find(path: string): number | undefined {
    let node: number | undefined = ROOT;
    for (const name of path.split('/'))
      if (name !== '' && name !== '.' && node !== undefined) node = this.#seen.folders.get(node)?.get(name);
    return node;
  }

  /** Bytes of a file as programs see it. */
  size(file: number): number {
    return this.#seen.content(file).length;
  }

  create(path: string, kind: 'file' | 'folder'): number {
    const node = ++this.#nodes;
    if (kind === 'folder') for (const state of [this.#base, this.#seen]) state.folders.set(node, new Map());
    this.#record({ kind: 'names', added: { ...this.#name(path), node } });
    return node;
  }

  write(file: number, position: number, bytes: Uint8Array): void {
    this.#record({ kind: 'write', file, position, bytes: Buffer.from(bytes) });
  }

  truncate(file: number, size: number): void {
    this.#record({ kind: 'truncate', file, size });
  }

  link(from: string, to: string): void {
    this.#record({ kind: 'names', added: { ...this.#name(to), node: this.#existing(from) } });
  }

  rename(from: string, to: string): void {
    this.#record({ kind: 'names', removed: this.#name(from), added: { ...this.#name(to), node: this.#existing(from) } });
  }

  remove(path: string): void {
    this.#record({ kind: 'names', removed: this.#name(path) });
  }

  /** Makes the content of a file, or the names in a folder, durable. */
  sync(node: number): void {
    this.#record({ kind: 'sync', node });
  }

  /** What programs see. */
  tree(): Tree {
    return this.#seen.tree();
  }

  /** Fails the power. What programs see afterwards is durable. */
  cut(draw: Draw): void {
    const luck: Luck = { data: drawShare(draw), names: drawShare(draw) };
    const synced = new Map<number, number>();
    for (const [index, change] of this.#changes.entries()) if (change.kind === 'sync') synced.set(change.node, index);
    const isSynced = (node: number | undefined, index: number) => node !== undefined && (synced.get(node) ?? -1) > index;
    for (const [index, change] of this.#changes.entries()) {
      if (change.kind === 'sync') continue;
      if (change.kind === 'names') {
        const isDurable = isSynced(change.added?.folder, index) || isSynced(change.removed?.folder, index);
        if (isDurable || (chance(draw, luck.names) && this.#base.allows(change))) this.#base.change(change);
      } else if (isSynced(change.file, index)) apply(this.#base, change);
      else applyPart(this.#base, change, luck.data, draw);
    }
    this.#changes = [];
    this.#seen = new State();
    for (const [folder, entries] of this.#base.folders) this.#seen.folders.set(folder, new Map(entries));
    for (const [file, content] of this.#base.files) this.#seen.files.set(file, Buffer.from(content));
  }

  #record(change: Change): void {
    this.#changes.push(change);
    apply(this.#seen, change);
  }

  #name(path: string): Name {
    const at = path.lastIndexOf('/');
    return { folder: this.#existing(path.slice(0, Math.max(0, at))), name: path.slice(at + 1) };
  }

  #existing(path: string): number {
    const node = this.find(path);
    if (node === undefined) throw new ImpossibleError(`${path} does not exist`);
    return node;
  }
}

function apply(state: State, change: Change): void {
  if (change.kind === 'names') state.change(change);
  else if (change.kind === 'write') state.write(change.file, change.position, change.bytes);
  else if (change.kind === 'truncate') state.resize(change.file, change.size);
}

/** Applies a part of a change of content that was not synced. */
function applyPart(state: State, change: Change & { kind: 'write' | 'truncate' }, share: number, draw: Draw): void {
  if (change.kind === 'truncate') {
    if (chance(draw, share)) state.resize(change.file, change.size);
    return;
  }
  const { file, position, bytes } = change;
  const end = position + bytes.length;
  // The length of a file is stored apart from its content.
  if (chance(draw, share / 2)) state.resize(file, Math.max(state.content(file).length, end));
  for (let at = position; at < end; ) {
    const next = Math.min(end, (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES);
    if (chance(draw, share)) state.write(file, at, bytes.subarray(at - position, next - position));
    at = next;
  }
}

/** Nothing, everything or some of it: the extremes find the most faults. */
function drawShare(draw: Draw): number {
  return [0, 1, 0.5, draw(1000) / 1000][draw(4)] ?? 0;
}

function chance(draw: Draw, share: number): boolean {
  return draw(1_000_000) < share * 1_000_000;
}
