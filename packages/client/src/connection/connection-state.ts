// Where a Broadcaster or Viewer stands, as its application sees it.
import type { CloseCodeName } from '@hayate/protocol';

/**
 * idle -> connecting -> live <-> reconnecting; then ended (the work is done) or failed (trying again does not help).
 * A viewer is `live` once it is connected, also while nobody broadcasts: see Viewer.epoch.
 */
export type ConnectionState = 'idle' | 'connecting' | 'live' | 'reconnecting' | 'ended' | 'failed';

/** A change of state. */
export interface StateChange {
  state: ConnectionState;
  /** Why, when a connection was closed or could not be opened: one sentence for people. */
  reason?: string;
  /** The WebSocket close code (1006: lost without one), if a connection was closed. */
  closeCode?: number;
  /** Its name, if it is Hayate's. */
  closeCodeName?: CloseCodeName;
  /** With `reconnecting`: milliseconds until the next attempt. */
  retryInMs?: number;
}
