// What the audience's process says to the demo; the demo says 'mark' to it.

/** The audience's counts since it was complete; sent four times a second. */
export interface AudienceReport {
  /** Whether all viewers had come, once: counts began anew then. */
  readonly hasBegun: boolean;
  readonly connected: number;
  readonly received: number;
  /** Frames that a viewer did not get and will not. */
  readonly lost: number;
  readonly bytes: number;
  /** Longest time between two messages with frames that any viewer saw, milliseconds; and the same since the last 'mark'. */
  readonly longestGapMs: number;
  readonly markedGapMs: number;
}
