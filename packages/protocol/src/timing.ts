// The times of spec/behaviour.md that a client and a server keep to, in one list. A test checks the
// page's table against it.

export const Timing = {
  /** A client closes a connection whose first message is not answered within this time. */
  answerTimeoutMs: 10_000,
  /** How many pings follow the answer quickly, for an early clock estimate. */
  firstPings: 5,
  /** Interval between two of the first pings. */
  firstPingIntervalMs: 100,
  /** Interval between two later pings. */
  pingIntervalMs: 1_000,
  /** A client closes a connection that stays silent for this long while a ping is unanswered. */
  silenceMaxMs: 8_000,
  /** Largest wait before the first new attempt. It doubles with each failed attempt. */
  reconnectFirstMs: 250,
  /** Largest wait before a new attempt, however many attempts have failed. */
  reconnectLastMs: 10_000,
  /** A connection that was live for this long resets the next wait to the shortest. */
  settledMs: 5_000,
  /** After GoAway, clients spread their new connections over at most this time. */
  successorSpreadMs: 2_000,
  /** A returning viewer waits this long before it believes that the stream is not live. */
  absenceMs: 2_000,
  /** Shortest interval between two HEADERs that differ only in the clock estimate. */
  headerIntervalMs: 3_000,
  /** How long a broadcaster keeps unacknowledged AUDIO and MOTION. */
  unacknowledgedMs: 30_000,
  /** How long a resume ticket is valid. */
  ticketValidMs: 3_600_000,
  /** A server's rate limits let this many milliseconds' worth pass at once. */
  rateBurstMs: 10_000,
  /** How long a server waits for the answer to its close. */
  closeGraceMs: 2_000,
} as const;
