// Asks the SDK once what the browser lacks, for the pages that say so before anything is tried.
// Asks once what the browser can do.
import { browserSupport, type MissingFeature } from '@hayate/client/browser';
import { useEffect, useState } from 'react';

/** What this browser lacks for a task; undefined until it is known. */
export function useSupport(task: 'watch' | 'broadcast'): readonly MissingFeature[] | undefined {
  const [missing, setMissing] = useState<readonly MissingFeature[]>();
  useEffect(() => {
    let stopped = false;
    void browserSupport(task).then((found) => {
      if (!stopped) setMissing(found);
    });
    return () => {
      stopped = true;
    };
  }, [task]);
  return missing;
}
