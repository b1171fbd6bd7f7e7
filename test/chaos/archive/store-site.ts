// Where a site's archive is kept, as its tests see it: the flags that name it, a way to notice when something is written there, and
// its objects as plain files.
import { mkdirSync, watch } from 'node:fs';
import { join } from 'node:path';

/** A store under test. */
export interface StoreSite {
  /** For `hayate serve`. */
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Calls `onTouch`, in the turn in which it is noticed, whenever an object is begun, written or put; until what it returns is called. */
  watch(onTouch: () => void): () => void;
  /** A folder that holds every object at its key, for readers of files, once nobody writes any more. */
  files(): Promise<string>;
}

/** The embedded store in `folder`: an object is made in a folder beside, linked to its key, and taken away there. */
export function fsStoreSite(folder: string): StoreSite {
  return {
    flags: [],
    env: {},
    watch: (onTouch) => {
      const unfinished = join(folder, '.tmp~');
      mkdirSync(unfinished, { recursive: true });
      const watcher = watch(unfinished, onTouch);
      return () => watcher.close();
    },
    files: async () => folder,
  };
}
