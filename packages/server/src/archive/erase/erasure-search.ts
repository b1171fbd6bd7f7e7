// Finds the broadcasts of a stream by the manifests alone, which name every epoch for a day after
// its last batch. One manifest a day is read to find them all, and a few more to find where each
// begins. This also finds broadcasts without voice.

import { concurrently } from '../../kernel/concurrently.ts';
import type { Store } from '../../store/store.ts';
import { STORE_CONCURRENCY } from '../../store/store-concurrency.ts';
import type { EpochState, Manifest } from '../layout/manifest.ts';
import { findManifest, listCuts, listPartitions } from '../layout/manifest-chain.ts';
import type { PartitionName } from '../layout/path.ts';

/** A broadcast, and its place in the archive. */
export interface FoundBroadcast extends PartitionName {
  readonly stream: string;
  /** 16 hex digits. */
  readonly epoch: string;
  /** Start of the first cut whose manifest names it: its first batch is in the cut before that. */
  readonly firstNamedBy: number;
  /** Start of the window of its last batch, Unix milliseconds. */
  readonly lastWindowMs: number;
  /** The number of its frames in the archive. */
  readonly frames: number;
  /**
   * Whether its end is in the partition's newest manifest, or it was silent so long that it is
   * forgotten.
   */
  readonly ended: boolean;
  /** How long its partition remembers a silent epoch, milliseconds. */
  readonly memoryMs: number;
}

/** Initial number of manifests between two samples: a day of full cuts. */
const STRIDE = 1_440;

/** The partitions to search, and a callback for each manifest read. */
interface SearchOptions {
  /** Default: all. */
  partitions?: readonly PartitionName[];
  onRead?: () => void;
}

/** Returns every broadcast of the stream, in order of their epochs. Throws CORRUPT. */
export async function findBroadcasts(
  store: Store,
  stream: string,
  { partitions: given, onRead }: SearchOptions = {},
): Promise<FoundBroadcast[]> {
  const partitions = [...(given ?? [])];
  if (given === undefined) for await (const name of listPartitions(store)) partitions.push(name);
  const found: FoundBroadcast[] = [];
  await concurrently(partitions, STORE_CONCURRENCY, async (name) => {
    found.push(...(await new PartitionSearch(store, name, stream, onRead).run()));
  });
  return found.sort((a, b) => (a.epoch < b.epoch ? -1 : a.epoch > b.epoch ? 1 : a.log < b.log ? -1 : 1));
}

/** The number of an epoch's frames that a manifest counts. */
export function framesOf({ seen }: EpochState): number {
  return seen.reduce((sum, [first, last]) => sum + last - first + 1, 0);
}

/** The facts known of an epoch while a partition is searched; indices are into the list of cuts. */
interface Trace {
  /** Index of the last sample that does not name it; -1 if the first one does. */
  notYet: number;
  /** Index of the first sample that names it. */
  named: number;
  /** Its state in the last sample that names it. */
  state: EpochState;
  last: number;
  memoryMs: number;
}

class PartitionSearch {
  readonly #store: Store;
  readonly #name: PartitionName;
  readonly #stream: string;
  readonly #onRead: (() => void) | undefined;
  readonly #starts: number[] = [];
  readonly #traces = new Map<string, Trace>();

  constructor(store: Store, name: PartitionName, stream: string, onRead: (() => void) | undefined) {
    this.#store = store;
    this.#name = name;
    this.#stream = stream;
    this.#onRead = onRead;
  }

  async run(): Promise<FoundBroadcast[]> {
    for await (const start of listCuts(this.#store, this.#name)) this.#starts.push(start);
    const newest = this.#starts.length - 1;
    let previous = -1;
    for (let at = 0; at >= 0 && at <= newest; ) {
      const manifest = await this.#read(at);
      if (manifest !== undefined) this.#note(manifest, at, previous);
      previous = at;
      at = manifest === undefined ? at + 1 : await this.#nextSample(at, manifest);
    }
    return Promise.all([...this.#traces].map(([epoch, trace]) => this.#found(epoch, trace, newest)));
  }

  #note({ state, config }: Manifest, at: number, previous: number): void {
    for (const epoch of state.epochs) {
      if (epoch.stream !== this.#stream) continue;
      const known = this.#traces.get(epoch.epoch);
      const { notYet, named } = known ?? { notYet: previous, named: at };
      this.#traces.set(epoch.epoch, { notYet, named, state: epoch, last: at, memoryMs: config.epochMemoryMs });
    }
  }

  /**
   * Finds the farthest manifest that still names every epoch whose last batch came after the
   * manifest at `from`.
   */
  async #nextSample(from: number, { state, config }: Manifest): Promise<number> {
    const untilMs = state.windowStartMs + config.epochMemoryMs;
    const reaches = async (at: number) => ((await this.#read(at))?.state.windowStartMs ?? 0) <= untilMs;
    const newest = this.#starts.length - 1;
    let near = from;
    let far = newest + 1;
    for (let stride = STRIDE; near + 1 < far; stride *= 2) {
      const at = Math.min(near + stride, newest);
      if (at === near) break;
      if (await reaches(at)) near = at;
      else {
        far = at;
        break;
      }
    }
    while (near + 1 < far && far <= newest) {
      const middle = (near + far) >> 1;
      if (await reaches(middle)) near = middle;
      else far = middle;
    }
    return Math.max(near, from + 1);
  }

  async #found(epoch: string, trace: Trace, newest: number): Promise<FoundBroadcast> {
    const names = async (at: number) =>
      (await this.#read(at))?.state.epochs.some((each) => each.stream === this.#stream && each.epoch === epoch) === true;
    let { notYet, named } = trace;
    while (notYet + 1 < named) {
      const middle = (notYet + named) >> 1;
      if (await names(middle)) named = middle;
      else notYet = middle;
    }
    const { windowStartMs, ended } = trace.state;
    return {
      ...this.#name,
      stream: this.#stream,
      epoch,
      firstNamedBy: this.#starts[named] ?? 0,
      lastWindowMs: windowStartMs,
      frames: framesOf(trace.state),
      ended: ended || trace.last < newest,
      memoryMs: trace.memoryMs,
    };
  }

  /** Resolves to undefined if retention has deleted the manifest meanwhile. */
  #read(at: number): Promise<Manifest | undefined> {
    this.#onRead?.();
    return findManifest(this.#store, this.#name, this.#starts[at] ?? 0);
  }
}
