// Decides whether slots may go to a server: a pure state machine over given times. In: events of a
// server (connected, checked, disconnected). Out: the next state.

/** What this process knows of a server's health. */
export type Health =
  /** Not connected, or silent for `closeMs`, after which the connection is closed. */
  | { readonly state: 'down' }
  /** Connected, but not yet answering for long enough. */
  | { readonly state: 'returning'; readonly untilMs: number }
  | { readonly state: 'up' }
  /** Connected, and has left a message unanswered. */
  | { readonly state: 'suspect'; readonly sinceMs: number };

/** The times of the state machine, milliseconds. */
export interface HealthPolicy {
  /**
   * A server with a message unanswered for this long is suspect; its messages are sent elsewhere.
   */
  readonly suspectMs: number;
  /** A server with a message unanswered for this long is down; its connection is closed. */
  readonly closeMs: number;
  /** A server that was suspect or away is up again after it has answered for this long. */
  readonly returnMs: number;
  /**
   * Like `returnMs`, for a server that is new to this process: other processes must have found it
   * too.
   */
  readonly probationMs: number;
}

/** What happened. */
export type HealthEvent =
  /** `trusted`: known since this process started; `new`: found since; `known`: reconnected. */
  | { readonly kind: 'connected'; readonly as: 'trusted' | 'new' | 'known'; readonly nowMs: number }
  /** The age of the oldest unanswered message; 0: all are answered. */
  | { readonly kind: 'checked'; readonly unansweredMs: number; readonly nowMs: number }
  | { readonly kind: 'disconnected' };

/** The state after `event`. If a check makes it `down`, the caller must close the connection. */
export function nextHealth(health: Health, event: HealthEvent, policy: HealthPolicy): Health {
  if (event.kind === 'disconnected') return { state: 'down' };
  if (event.kind === 'connected') {
    if (event.as === 'trusted') return { state: 'up' };
    return { state: 'returning', untilMs: event.nowMs + (event.as === 'new' ? policy.probationMs : policy.returnMs) };
  }
  const { unansweredMs, nowMs } = event;
  const silent = unansweredMs >= policy.suspectMs;
  switch (health.state) {
    case 'down':
      return health;
    case 'up':
      return silent ? { state: 'suspect', sinceMs: nowMs } : health;
    case 'returning':
      if (silent) return { state: 'suspect', sinceMs: nowMs };
      return nowMs >= health.untilMs ? { state: 'up' } : health;
    case 'suspect':
      if (!silent) return { state: 'returning', untilMs: nowMs + policy.returnMs };
      // Counted from the suspicion, not from the sending: after a pause of this process, the server
      // still has this time to answer.
      return nowMs - health.sinceMs >= policy.closeMs - policy.suspectMs ? { state: 'down' } : health;
  }
}
