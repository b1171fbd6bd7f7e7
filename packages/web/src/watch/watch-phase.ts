// The phase of a visit, from the states of its connection and its stream.
import type { ConnectionState } from '@hayate/client';

/**
 * 'waiting': connected, but the stream is not live yet. 'failed': no automatic retry would help.
 */
export type WatchPhase = 'connecting' | 'waiting' | 'live' | 'reconnecting' | 'ended' | 'failed';

/** The phase; `isLive`: an epoch is being watched; `hasEnded`: one was watched and is over. */
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
