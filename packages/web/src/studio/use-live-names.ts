// The stream names in use now, as far as the visitor may know. Polled while the form is shown; a
// server that refuses is not asked again.
import { useCallback, useEffect, useState } from 'react';
import { liveStreams } from '../api/server.ts';

const intervalMs = 5_000;

/** Whether a stream is live now; false if unknown. */
export function useLiveNames(): (stream: string) => boolean {
  const [names, setNames] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let stopped = false;
    const look = async () => {
      try {
        const streams = document.hidden ? undefined : await liveStreams();
        if (stopped) return;
        if (streams !== undefined) setNames(new Set(streams.map(({ stream }) => stream)));
        timer = setTimeout(look, intervalMs);
      } catch {
        // This is only advice: the server decides when a broadcast starts.
      }
    };
    void look();
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }, []);
  return useCallback((stream: string) => names.has(stream), [names]);
}
