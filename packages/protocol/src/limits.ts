// The contract's own bounds. A peer that exceeds one breaks the protocol. The operator sets the
// other limits (rates, connections) with the server's options.

export const Limits = {
  /** UTF-16 code units in a stream's title. */
  titleCharactersMax: 200,
  /** UTF-16 code units in a participant's name, in an event's author and in a gift's item. */
  nameCharactersMax: 100,
  /** UTF-16 code units in a comment. */
  commentCharactersMax: 2_000,
  /** Bytes of one encoded Frame, unless the server's `Published.limits` says less. */
  frameBytesMax: 65_536,
  /** Bytes of one WebSocket message from a client. */
  clientMessageBytesMax: 262_144,
  /** Bytes of one WebSocket message from a viewer. */
  viewerMessageBytesMax: 16_384,
  /**
   * Messages a second, WebSocket pings included, that a server accepts from a client in addition to
   * messages with frames. Ten times as many may come at once.
   */
  messagesPerSecond: 100,
  /** Bits a second that a server accepts from a viewer. Ten times as many may come at once. */
  viewerBitsPerSecond: 256_000,
  /** Bytes of one WebSocket message from a server. */
  serverMessageBytesMax: 1_048_576,
  /** Characters of a token. */
  tokenCharactersMax: 8_192,
  /** Opus packets in one AUDIO frame. */
  audioPacketsMax: 64,
  /** Milliseconds between a participant's key poses. */
  keyIntervalMsMax: 1_000,
  /** Milliseconds between a viewer's receipts. */
  receiptIntervalMs: 500,
  /**
   * Bytes of resent frames that may wait for an acknowledgement before a client resends another
   * frame.
   */
  resendBytesMax: 65_536,
  /**
   * How far the sequence of a frame or a dropped range may exceed the highest sequence that the
   * server has seen.
   */
  sequenceJumpMax: 65_536,
  /** Largest sequence, capture time and position. */
  numberMax: Number.MAX_SAFE_INTEGER,
  /** Participants of one stream, the broadcaster included. */
  participantsMax: 64,
} as const;
