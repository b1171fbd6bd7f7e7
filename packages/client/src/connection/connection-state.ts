// The state of a Broadcaster or Viewer, as its application sees it.
import type { CloseCodeName } from '@hayate/protocol';

/**
 * idle -> connecting -> live <-> reconnecting; then ended (the work is done) or failed (another
 * attempt does not help). A viewer is `live` once it is connected, even while the stream is not
 * live: see Viewer.epoch.
 */
export type ConnectionState = 'idle' | 'connecting' | 'live' | 'reconnecting' | 'ended' | 'failed';

/** A change of state. */
export interface StateChange {
  state: ConnectionState;
  /** Why a connection was closed or could not be opened: one sentence for people. */
  reason?: string;
  /** The WebSocket close code (1006: lost without one), if a connection was closed. */
  closeCode?: number;
  /** The name of a Hayate close code. */
  closeCodeName?: CloseCodeName;
  /** With `reconnecting`: milliseconds until the next attempt. */
  retryInMs?: number;
}
