// Whether a server may be given slots: a pure state machine over given times. What a server does (connect, answer, stay
// silent, break off) goes in; the next state comes out.

/** What this process thinks of a server. */
export type Health =
  /** Not connected, or silent for too long to stay so. */
  | { readonly state: 'down' }
  /** Connected, and answering since too short a time. */
  | { readonly state: 'returning'; readonly untilMs: number }
  | { readonly state: 'up' }
  /** Connected, and has left something unanswered. */
  | { readonly state: 'suspect'; readonly sinceMs: number };

/** How patient we are, milliseconds. */
export interface HealthPolicy {
  /** Unanswered for so long: suspect, its messages are sent elsewhere. */
  readonly suspectMs: number;
  /** And for so long: the connection is closed. */
  readonly closeMs: number;
  /** Answering for so long brings back one that had been suspect or away. */
  readonly returnMs: number;
  /** The same of a server that this process has never seen before: others must have found it too. */
  readonly probationMs: number;
}

/** What happened. */
export type HealthEvent =
  /** `trusted`: it was there when this process started; `new`: it has been found since; `known`: it is back. */
  | { readonly kind: 'connected'; readonly as: 'trusted' | 'new' | 'known'; readonly nowMs: number }
  /** For how long the oldest of what it was sent is unanswered; 0: nothing is. */
  | { readonly kind: 'checked'; readonly unansweredMs: number; readonly nowMs: number }
  | { readonly kind: 'disconnected' };

/** The state after `event`. When it is `down` after a check, the connection is to be closed. */
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
      // Counted from the suspicion, not from the sending: after a pause of our own it still has this time to answer.
      return nowMs - health.sinceMs >= policy.closeMs - policy.suspectMs ? { state: 'down' } : health;
  }
}
