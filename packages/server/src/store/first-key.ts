// The shortest question to a store: which key comes next.
import type { Store } from './store.ts';

/**
 * Returns the first key that begins with `prefix` and sorts after `after`; undefined if there is
 * none.
 */
export async function firstKey(store: Store, prefix: string, after: string): Promise<string | undefined> {
  for await (const { key } of store.list(prefix, after)) return key;
  return undefined;
}
