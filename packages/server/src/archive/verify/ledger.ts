// Objects that no manifest names: the keys that the walk found go in, a listing of the store is held against them. Keeps a
// count and a sum of hashes for each hour of a partition and each broadcast, not the keys; only where these differ are the
// manifests read again for their keys.
import { createHash } from 'node:crypto';
import { epochStartedMs, epochText } from '@hayate/protocol';
import type { Store } from '../../store/store.ts';
import type { Manifest } from '../manifest.ts';
import { findManifest, listCuts } from '../manifest-chain.ts';
import { type AudioName, manifestPrefix, parseAudioKey, parseHourlyKey } from '../path.ts';
import type { Report } from './finding.ts';
import { epochState } from './sequence-check.ts';

interface Sum {
  count: number;
  /** Of the first 48 bits of each key's SHA-256, modulo 2^48. */
  hashes: number;
}

const FOLDERS = ['frames', 'marks', 'statistics', 'audio'];
const HASH_MODULUS = 2 ** 48;

/** What the archive holds, by groups. */
export class Ledger {
  readonly #groups = new Map<string, Sum>();
  /** The newest manifest of each partition. */
  readonly #newest = new Map<string, Manifest>();
  /** Objects of cuts that are open. */
  open = 0;

  /** An object that a manifest names and that is there. */
  add(key: string): void {
    const group = groupOf(key);
    if (group !== undefined) addTo(this.#groups, group, key);
  }

  /** The manifest with which a partition's walk ended. */
  end(newest: Manifest): void {
    this.#newest.set(manifestPrefix(newest), newest);
  }

  /** Lists the store and reports what nobody named. */
  async check(store: Store, report: Report): Promise<void> {
    const doubtful = new Set<string>();
    for (const folder of FOLDERS) {
      let group: string | undefined;
      let listed = new Map<string, Sum>();
      const close = () => {
        for (const [name, sum] of listed) if (!same(sum, this.#groups.get(name))) doubtful.add(name);
        listed = new Map();
      };
      for await (const { key } of store.list(`${folder}/`)) {
        const next = groupOf(key);
        if (next === undefined) report({ rule: 'unnamed objects', key, expected: 'a key of the archive', found: 'another' });
        if (next === undefined || this.#isOpen(key)) continue;
        if (next !== group) close();
        group = next;
        addTo(listed, next, key);
      }
      close();
    }
    if (doubtful.size > 0) await this.#explain(store, doubtful, report);
  }

  /** Names what lies in the doubtful groups and in no manifest. */
  async #explain(store: Store, doubtful: ReadonlySet<string>, report: Report): Promise<void> {
    const named = new Set<string>();
    for (const newest of this.#newest.values())
      for await (const start of listCuts(store, newest)) {
        const manifest = await findManifest(store, newest, start).catch(() => undefined);
        for (const object of manifest?.previous?.objects ?? []) if (doubtful.has(groupOf(object.key) ?? '')) named.add(object.key);
      }
    for (const group of doubtful)
      for await (const { key } of store.list(`${group}/`)) {
        if (named.has(key) || groupOf(key) !== group || this.#isOpen(key)) continue;
        const late = parseAudioKey(key);
        // Late voice of a broadcast that goes on may be of the open cut: nothing in its name tells.
        if (late?.late === true && this.#mayGoOn(late)) this.open++;
        else report({ rule: 'unnamed objects', key, expected: 'a manifest that names it', found: 'none' });
      }
  }

  /** Whether the object belongs to a cut whose manifest is not put yet. Counts it. */
  #isOpen(key: string): boolean {
    const hourly = parseHourlyKey(key);
    const audio = parseAudioKey(key);
    let open = false;
    if (hourly !== undefined) open = hourly.start >= (this.#newest.get(manifestPrefix(hourly))?.start ?? Infinity);
    else if (audio !== undefined && !audio.late) open = this.#mayGoOn(audio) && audio.position >= this.#position(audio);
    if (open) this.open++;
    return open;
  }

  /** Whether the broadcast has not ended by any newest manifest, and is not older than what they remember. */
  #mayGoOn({ stream, epoch }: AudioName): boolean {
    const name = { stream, epoch: epochText(epoch) };
    for (const manifest of this.#newest.values()) {
      const state = epochState(manifest, name);
      if (state !== undefined) return !state.ended;
    }
    return [...this.#newest.values()].some(
      ({ state, config }) => epochStartedMs(epoch) >= state.windowStartMs - config.windowMs * config.windowsPerCut,
    );
  }

  #position({ stream, epoch, participant }: AudioName): number {
    const name = { stream, epoch: epochText(epoch) };
    const states = [...this.#newest.values()].map((manifest) => epochState(manifest, name));
    const tracks = states.flatMap((state) => state?.tracks ?? []);
    return Math.max(0, ...tracks.filter((track) => track.participant === participant).map(({ position }) => position));
  }
}

/** The folder whose contents are compared: of an hour and partition, or of a broadcast; undefined for a key that is none of the archive's. */
function groupOf(key: string): string | undefined {
  if (parseHourlyKey(key) !== undefined) return key.slice(0, key.lastIndexOf('/'));
  return parseAudioKey(key) === undefined ? undefined : key.split('/', 3).join('/');
}

function addTo(groups: Map<string, Sum>, group: string, key: string): void {
  const sum = groups.get(group) ?? { count: 0, hashes: 0 };
  sum.count++;
  sum.hashes = (sum.hashes + createHash('sha256').update(key).digest().readUIntBE(0, 6)) % HASH_MODULUS;
  groups.set(group, sum);
}

function same(a: Sum, b: Sum | undefined): boolean {
  return a.count === b?.count && a.hashes === b.hashes;
}
