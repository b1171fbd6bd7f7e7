// Where a viewer stands, in one word, from what its connection and its stream say.
import type { ConnectionState } from '@hayate/client';

/** 'waiting': connected, and nobody broadcasts yet. 'failed': trying again by itself does not help. */
export type WatchPhase = 'connecting' | 'waiting' | 'live' | 'reconnecting' | 'ended' | 'failed';

/** The phase; `isLive`: an epoch is being watched; `hasEnded`: one was, and is over. */
export function watchPhase(state: ConnectionState, isLive: boolean, hasEnded: boolean): WatchPhase {
  switch (state) {
    case 'idle':
    case 'connecting':
      return 'connecting';
    case 'failed':
      return 'failed';
    case 'ended':
      return 'ended';
    case 'reconnecting':
      return 'reconnecting';
    case 'live':
      return isLive ? 'live' : hasEnded ? 'ended' : 'waiting';
  }
}
