// The times of spec/behaviour.md that a client and a server keep to, in one list; a test checks the page's table against it.

export const Timing = {
  /** A client gives a connection up whose first message is not answered in this time. */
  answerTimeoutMs: 10_000,
  /** Pings that follow the answer quickly, for an early clock estimate. */
  firstPings: 5,
  /** Between two of the first pings. */
  firstPingIntervalMs: 100,
  /** Between two pings after them. */
  pingIntervalMs: 1_000,
  /** A client gives a connection up on which nothing came for this long while a ping waits. */
  silenceMaxMs: 8_000,
  /** The wait before the first new attempt, at most; it doubles with each attempt that fails. */
  reconnectFirstMs: 250,
  /** The wait before a new attempt, at most, however many have failed. */
  reconnectLastMs: 10_000,
  /** A connection that was live for this long makes the next wait short again. */
  settledMs: 5_000,
  /** The time over which clients spread their new connections after GoAway, at most. */
  successorSpreadMs: 2_000,
  /** A returning viewer believes that the stream is not live after this time. */
  absenceMs: 2_000,
  /** Between two HEADERs that differ in the clock estimate alone, at least. */
  headerIntervalMs: 3_000,
  /** A broadcaster keeps AUDIO and MOTION that are not acknowledged for this long. */
  unacknowledgedMs: 30_000,
  /** A resume ticket is valid for this long. */
  ticketValidMs: 3_600_000,
  /** A server's rate limits let this many milliseconds' worth pass at once. */
  rateBurstMs: 10_000,
  /** A server waits this long for the answer to its close. */
  closeGraceMs: 2_000,
} as const;
