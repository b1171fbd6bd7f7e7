// Finds objects that no manifest names, by comparing the keys that the walk found with a listing of
// the store. It keeps a count and a sum of hashes for each hour of a partition and each broadcast,
// not the keys. Only where these differ does it read the manifests again for their keys.

import { createHash } from 'node:crypto';
import { epochStartedMs, epochText } from '@hayate/protocol';
import type { Store } from '../../store/store.ts';
import { broadcastKey } from '../layout/broadcast-name.ts';
import type { EpochState, Manifest } from '../layout/manifest.ts';
import { findManifest, listCuts } from '../layout/manifest-chain.ts';
import { manifestPrefix, parseAudioKey, parseHourlyKey } from '../layout/path.ts';
import { readRetained } from '../layout/retained.ts';
import type { Report } from './finding.ts';

interface Sum {
  count: number;
  /** Sum of the first 48 bits of each key's SHA-256, modulo 2^48. */
  hashes: number;
}

const FOLDERS = ['frames', 'marks', 'statistics', 'hourly', 'audio'];
const HASH_MODULUS = 2 ** 48;

/** The archive's contents, by groups. */
export class UnnamedObjectCheck {
  readonly #groups = new Map<string, Sum>();
  /** Hourly files that the walk has seen. No manifest names them. */
  readonly #hourly = new Set<string>();
  /** The newest manifest of each partition. */
  readonly #newest = new Map<string, Manifest>();
  /** Epoch states in the newest manifests, by broadcast. */
  readonly #states = new Map<string, EpochState>();
  /** Number of objects of open cuts. */
  open = 0;

  /** Adds an existing object that a manifest names. */
  add(key: string): void {
    const group = groupOf(key);
    if (group !== undefined) addTo(this.#groups, group, key);
  }

  /** Adds an hourly file of an hour whose statistics the walk has seen. */
  addHourly(key: string): void {
    this.add(key);
    this.#hourly.add(key);
  }

  /** Records the manifest at which a partition's walk ended. */
  end(newest: Manifest): void {
    this.#newest.set(manifestPrefix(newest), newest);
    for (const epoch of newest.state.epochs) this.#states.set(broadcastKey(epoch), epoch);
  }

  /** Lists the store and reports objects that no manifest names. */
  async check(store: Store, report: Report): Promise<void> {
    const doubtful = new Set<string>();
    for (const folder of FOLDERS) {
      let group: string | undefined;
      let listed: Sum = { count: 0, hashes: 0 };
      const close = () => {
        if (group !== undefined && listed.count > 0 && !same(listed, this.#groups.get(group))) doubtful.add(group);
        listed = { count: 0, hashes: 0 };
      };
      for await (const { key } of store.list(`${folder}/`)) {
        const next = groupOf(key);
        if (next === undefined) report({ rule: 'unnamed objects', key, expected: 'a key of the archive', found: 'another' });
        if (next === undefined) continue;
        if (next !== group) close();
        group = next;
        if (this.#isOpen(key)) this.open++;
        else sumUp(listed, key);
      }
      close();
    }
    if (doubtful.size > 0) await this.#explain(store, doubtful, report);
  }

  /** Reports the objects of doubtful groups that are in no manifest. */
  async #explain(store: Store, doubtful: ReadonlySet<string>, report: Report): Promise<void> {
    const named = new Set(this.#hourly);
    for (const newest of this.#newest.values())
      for await (const start of listCuts(store, newest)) {
        const manifest = await findManifest(store, newest, start).catch(() => undefined);
        for (const object of manifest?.previous?.objects ?? []) if (doubtful.has(groupOf(object.key) ?? '')) named.add(object.key);
      }
    for (const group of doubtful)
      for await (const { key } of store.list(`${group}/`))
        if (!named.has(key) && groupOf(key) === group && !this.#isOpen(key) && !(await isLeaving(store, key)))
          report({ rule: 'unnamed objects', key, expected: 'a manifest that names it', found: 'none' });
  }

  /**
   * Whether the object may belong to a cut whose manifest was not yet written when the walk ended.
   */
  #isOpen(key: string): boolean {
    const name = parseHourlyKey(key);
    if (name !== undefined) {
      const newest = this.#newest.get(manifestPrefix(name));
      if (newest === undefined || name.folder === 'hourly') return false;
      return name.start >= newest.state.covered[name.folder] && name.end > newest.start;
    }
    const audio = parseAudioKey(key);
    if (audio === undefined) return false;
    const state = this.#states.get(broadcastKey({ stream: audio.stream, epoch: epochText(audio.epoch) }));
    // Its first frame arrived in that cut.
    if (state !== undefined) return !state.seen.some(([first, last]) => first <= audio.firstSequence && audio.firstSequence <= last);
    return [...this.#newest.values()].some(
      ({ state, config }) => epochStartedMs(audio.epoch) >= state.windowStartMs - config.epochMemoryMs,
    );
  }
}

/** Whether an hourly file is about to be deleted for its age, like its statistics were. */
async function isLeaving(store: Store, key: string): Promise<boolean> {
  const name = parseHourlyKey(key);
  return name?.folder === 'hourly' && name.end <= (await readRetained(store, name)).statistics;
}

/**
 * The folder whose contents are compared: of an hour and partition, or of a broadcast. Undefined
 * for a key that does not belong to the archive.
 */
function groupOf(key: string): string | undefined {
  if (parseHourlyKey(key) !== undefined) return key.slice(0, key.lastIndexOf('/'));
  return parseAudioKey(key) === undefined ? undefined : key.split('/', 3).join('/');
}

function addTo(groups: Map<string, Sum>, group: string, key: string): void {
  const sum = groups.get(group) ?? { count: 0, hashes: 0 };
  sumUp(sum, key);
  groups.set(group, sum);
}

function sumUp(sum: Sum, key: string): void {
  sum.count++;
  sum.hashes = (sum.hashes + createHash('sha256').update(key).digest().readUIntBE(0, 6)) % HASH_MODULUS;
}

function same(a: Sum, b: Sum | undefined): boolean {
  return a.count === b?.count && a.hashes === b.hashes;
}
