// The manifests of an archive, found without reading more of it than is needed: its partitions, a partition's cuts in order,
// and one manifest. A cut's own objects are named by the manifest after it.
import type { Store } from '../store/store.ts';
import { decodeManifest, type Manifest } from './manifest.ts';
import { manifestKey, manifestPrefix, type PartitionName, parseManifestKey } from './path.ts';

/** Sorts behind every character of a key. */
const BEHIND_ALL = '~';

/** Every partition of every log that has a manifest. One call of the store's listing for each. */
export async function* listPartitions(store: Store): AsyncIterable<PartitionName> {
  for (let after = ''; ; ) {
    const key = await firstKey(store, 'cuts/', after);
    if (key === undefined) return;
    const name = parseManifestKey(key);
    after = key;
    if (name === undefined) continue;
    const { log, partition } = name;
    after = `${manifestPrefix(name)}${BEHIND_ALL}`;
    yield { log, partition };
  }
}

/** Starts of a partition's cuts that have a manifest, from `from` on, ascending. */
export async function* listCuts(store: Store, name: PartitionName, from = 0): AsyncIterable<number> {
  const after = from === 0 ? '' : manifestKey(name, from - 1);
  for await (const { key } of store.list(manifestPrefix(name), after)) {
    const start = parseManifestKey(key)?.start;
    if (start !== undefined) yield start;
  }
}

/** The manifest of the cut that begins at `start`; undefined if there is none. Throws CORRUPT. */
export async function findManifest(store: Store, name: PartitionName, start: number): Promise<Manifest | undefined> {
  const key = manifestKey(name, start);
  const bytes = await store.get(key);
  return bytes === undefined ? undefined : decodeManifest(bytes, key);
}

/** A partition's manifests from `from` on, ascending; those deleted meanwhile are left out. Throws CORRUPT. */
export async function* readChain(store: Store, name: PartitionName, from = 0): AsyncIterable<Manifest> {
  for await (const start of listCuts(store, name, from)) {
    const manifest = await findManifest(store, name, start);
    if (manifest !== undefined) yield manifest;
  }
}

async function firstKey(store: Store, prefix: string, after: string): Promise<string | undefined> {
  for await (const { key } of store.list(prefix, after)) return key;
  return undefined;
}
