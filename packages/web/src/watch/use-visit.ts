// A visit to a stream for as long as the page shows it. It begins when there is a view to draw on.
import { useEffect, useState } from 'react';
import type { AvatarView } from '../render/avatar-view.ts';
import { flagValue, hasFlag } from '../route/location.ts';
import { WatchSession } from './watch-session.ts';

/** The stream to visit. */
interface Destination {
  readonly stream: string;
  /** See WatchSessionOptions. */
  readonly elsewhere?: { readonly server: string; readonly token: string };
}

/**
 * The session; undefined until there are a destination and a view. Each `attempt` starts another.
 */
export function useVisit(destination: Destination | undefined, view: AvatarView | undefined, attempt = 0): WatchSession | undefined {
  const [session, setSession] = useState<WatchSession>();
  const { stream, elsewhere } = destination ?? {};
  const [server, token] = [elsewhere?.server, elsewhere?.token];
  useEffect(() => {
    if (view === undefined || stream === undefined || attempt < 0) return;
    const place = server === undefined || token === undefined ? undefined : { server, token };
    const made = new WatchSession({ stream, elsewhere: place, interpolate: flagValue('interpolate') !== 'off' });
    setSession(made);
    let closed = false;
    const open = async () => {
      if (hasFlag('debug')) (await import('../debug.ts')).exposeViewer(made, view);
      if (!closed) made.open();
    };
    void open();
    return () => {
      closed = true;
      made.close();
    };
  }, [stream, server, token, view, attempt]);
  return session;
}
