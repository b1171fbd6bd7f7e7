// Finds an archive's partitions, a partition's cuts in order, and single manifests, with as few
// reads as possible. A cut's own objects are named by the next manifest.
import { firstKey } from '../../store/first-key.ts';
import type { Store } from '../../store/store.ts';
import { decodeManifest, type Manifest } from './manifest.ts';
import { manifestKey, manifestPrefix, type PartitionName, parseManifestKey } from './path.ts';

/** Sorts after every character of a key. */
const AFTER_ALL = '~';

/** Yields every partition of every log that has a manifest, with one listing for each. */
export async function* listPartitions(store: Store): AsyncIterable<PartitionName> {
  for (let after = ''; ; ) {
    const key = await firstKey(store, 'cuts/', after);
    if (key === undefined) return;
    const name = parseManifestKey(key);
    after = key;
    if (name === undefined) continue;
    const { log, partition } = name;
    after = `${manifestPrefix(name)}${AFTER_ALL}`;
    yield { log, partition };
  }
}

/** Yields the starts of a partition's cuts that have a manifest, from `from` on, ascending. */
export async function* listCuts(store: Store, name: PartitionName, from = 0): AsyncIterable<number> {
  const after = from === 0 ? '' : manifestKey(name, from - 1);
  for await (const { key } of store.list(manifestPrefix(name), after)) {
    const start = parseManifestKey(key)?.start;
    if (start !== undefined) yield start;
  }
}

/**
 * Returns the manifest of the cut that begins at `start`; undefined if there is none. Throws
 * CORRUPT.
 */
export async function findManifest(store: Store, name: PartitionName, start: number): Promise<Manifest | undefined> {
  const key = manifestKey(name, start);
  const bytes = await store.get(key);
  return bytes === undefined ? undefined : decodeManifest(bytes, key);
}

/**
 * Yields a partition's manifests from `from` on, ascending, without those deleted meanwhile. Throws
 * CORRUPT.
 */
export async function* readChain(store: Store, name: PartitionName, from = 0): AsyncIterable<Manifest> {
  for await (const start of listCuts(store, name, from)) {
    const manifest = await findManifest(store, name, start);
    if (manifest !== undefined) yield manifest;
  }
}
