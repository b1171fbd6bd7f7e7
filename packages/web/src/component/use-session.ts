// Renders a component again when its session changes, and at a steady tick for numbers that always
// move.
import type { Unsubscribe } from '@hayate/client';
import { useEffect, useReducer } from 'react';

const tickMs = 500;

/** Something that announces its changes. */
interface Changing {
  on(name: 'change', listener: () => void): Unsubscribe;
}

/** Follows `session`; does nothing while it is undefined. */
export function useSession(session: Changing | undefined): void {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    if (session === undefined) return;
    const off = session.on('change', redraw);
    const timer = setInterval(redraw, tickMs);
    redraw();
    return () => {
      off();
      clearInterval(timer);
    };
  }, [session]);
}
