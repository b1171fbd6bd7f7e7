// A replay for as long as the page shows it. It begins when there is a view to draw on.
import { useEffect, useState } from 'react';
import type { AvatarView } from '../render/avatar-view.ts';
import { flagValue, hasFlag } from '../route/location.ts';
import { ReplaySession } from './replay-session.ts';

/** The session; undefined until there is a view. Each `attempt` starts another. */
export function useReplay(
  { stream, epoch }: { stream: string; epoch: string },
  view: AvatarView | undefined,
  attempt: number,
): ReplaySession | undefined {
  const [session, setSession] = useState<ReplaySession>();
  useEffect(() => {
    if (view === undefined || attempt < 0) return;
    // After a click the browser allows sound at once. A visitor who opened the address sees a first
    // picture and a button.
    const autoplay = navigator.userActivation?.hasBeenActive === true;
    const made = new ReplaySession({ stream, epoch, interpolate: flagValue('interpolate') !== 'off', autoplay });
    setSession(made);
    let closed = false;
    const open = async () => {
      const debug = hasFlag('debug') ? await import('../debug.ts') : undefined;
      if (!closed) made.open((opened) => debug?.exposeReplay(opened, view));
    };
    void open();
    return () => {
      closed = true;
      made.close();
    };
  }, [stream, epoch, view, attempt]);
  return session;
}
