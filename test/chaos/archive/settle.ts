// Waits until a cluster has archived everything that its broadcasters had acknowledged. Stopping
// archivers hand their partitions over and do not end a cut for it, so only the log's silence
// closes the last cuts.
import { decodeManifest, type Manifest } from '../../../packages/server/src/archive/layout/manifest.ts';
import type { Site } from './site.ts';

/**
 * Resolves when the newest manifests cover every acknowledged frame, and the end of every ended
 * epoch.
 */
export async function untilArchived(site: Site): Promise<void> {
  const store = await site.store.open();
  const newest = async (): Promise<readonly Manifest[]> => {
    const keys = new Map<string, string>();
    for await (const { key } of store.list('cuts/')) keys.set(key.slice(0, key.lastIndexOf('/')), key);
    const objects = await Promise.all([...keys.values()].map(async (key) => ({ key, bytes: await store.get(key) })));
    return objects.flatMap(({ key, bytes }) => (bytes === undefined ? [] : [decodeManifest(bytes, key)]));
  };
  const isArchived = async (): Promise<boolean> => {
    const states = (await newest()).flatMap(({ state }) => state.epochs);
    return site.broadcasts.every(({ stream, journal }) =>
      journal.epochs().every(({ epoch, promised, ended }) => {
        const known = states.find((state) => state.stream === stream && state.epoch === epoch);
        if (known === undefined) return promised.size === 0;
        const has = (sequence: number) => known.seen.some(([first, last]) => first <= sequence && sequence <= last);
        return (ended === undefined || known.ended) && [...promised].every(has);
      }),
    );
  };
  await site.until('the archive of everything acknowledged', isArchived);
  await site.until('archivers without an open cut', async () => {
    const open = await Promise.all((['all', 'archiver'] as const).map((part) => site.sum(part, 'hayate_archiver_open_bytes')));
    return open.every((bytes) => bytes === 0);
  });
  await store.close();
}
