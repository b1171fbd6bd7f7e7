// Polls the live streams while the page is visible. While the server does not answer, the last
// listing stays.
import { useEffect, useState } from 'react';
import { type LiveStream, liveStreams } from './server.ts';

const intervalMs = 2_000;

/**
 * The live streams; `streams` is undefined before the first answer, `problem` says why the latest
 * request failed.
 */
export interface Listing {
  streams: readonly LiveStream[] | undefined;
  problem: string | undefined;
}

/** The listing, refreshed every two seconds. */
export function useLiveStreams(): Listing {
  const [listing, setListing] = useState<Listing>({ streams: undefined, problem: undefined });
  useEffect(() => {
    let stopped = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const poll = async () => {
      clearTimeout(timer);
      if (document.hidden) return;
      try {
        const streams = await liveStreams();
        if (!stopped) setListing({ streams, problem: undefined });
      } catch (error) {
        const problem = error instanceof Error ? error.message : String(error);
        if (!stopped) setListing((last) => ({ streams: last.streams, problem }));
      }
      clearTimeout(timer);
      if (!stopped) timer = setTimeout(poll, intervalMs);
    };
    const onVisible = () => void poll();
    document.addEventListener('visibilitychange', onVisible);
    void poll();
    return () => {
      stopped = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', onVisible);
    };
  }, []);
  return listing;
}
