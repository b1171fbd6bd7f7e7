// The messages between the demo and its audience process: this report one way, the text 'mark' the
// other way.

/** Counts since the whole audience was connected. Sent four times a second. */
export interface AudienceReport {
  /** Whether every viewer has connected once. The counts restarted at that moment. */
  readonly hasBegun: boolean;
  readonly connected: number;
  readonly received: number;
  /** Frames that a viewer missed for good. */
  readonly lost: number;
  readonly bytes: number;
  /**
   * Longest time between two messages with frames for any viewer, milliseconds; in total and since
   * the last 'mark'.
   */
  readonly longestGapMs: number;
  readonly markedGapMs: number;
}
