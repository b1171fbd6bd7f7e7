// Asks the SDK once which features the browser lacks, so that a page can say so before the visitor
// tries anything.
import { browserSupport, type MissingFeature } from '@hayate/client/browser';
import { useEffect, useState } from 'react';

/** The features that this browser lacks for a task; undefined until known. */
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
