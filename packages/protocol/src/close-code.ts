// Every WebSocket close code that a Hayate server sends, in one list. A test checks spec/wire.md's
// table against it. `temporary` tells a client whether to reconnect by itself.

/** One close code. */
export interface CloseCode {
  /** RFC 6455 section 7.4: 4000-4999 are private use. */
  readonly code: number;
  /**
   * True: reconnect with backoff. False: reconnect only after the user or the application has
   * changed something.
   */
  readonly temporary: boolean;
  /** One sentence for people. */
  readonly meaning: string;
}

export const CloseCodes = {
  NORMAL: { code: 1000, temporary: false, meaning: 'The connection is complete.' },
  MESSAGE_TOO_BIG: { code: 1009, temporary: false, meaning: 'A message exceeds the byte limit (RFC 6455 section 7.4.1).' },
  PROTOCOL_ERROR: { code: 4400, temporary: false, meaning: 'A message or frame breaks the wire contract.' },
  UNAUTHORIZED: { code: 4401, temporary: false, meaning: 'The token is missing, malformed, expired or not for this service.' },
  FORBIDDEN: { code: 4403, temporary: false, meaning: 'The token does not grant this right on this stream.' },
  HANDSHAKE_TIMEOUT: { code: 4408, temporary: true, meaning: 'The first message did not arrive in time.' },
  SUPERSEDED: { code: 4409, temporary: false, meaning: 'A newer broadcast or connection of this stream has begun.' },
  STREAM_ENDED: { code: 4410, temporary: false, meaning: 'The broadcast was ended.' },
  TICKET_INVALID: { code: 4412, temporary: false, meaning: 'The resume ticket is not valid; begin a new epoch.' },
  FRAME_TOO_BIG: { code: 4413, temporary: false, meaning: 'A frame or message exceeds the byte limit.' },
  WRONG_STREAM: { code: 4414, temporary: false, meaning: 'A frame names another stream or epoch than this connection.' },
  SEQUENCE_INVALID: { code: 4415, temporary: false, meaning: 'Sequence numbers do not continue as required.' },
  RATE_EXCEEDED: { code: 4429, temporary: true, meaning: 'More messages, frames or bits a second than the limit allows.' },
  TOO_MANY_CONNECTIONS: { code: 4430, temporary: true, meaning: 'The process has reached its limit of connections or streams.' },
  RECEIPT_TIMEOUT: { code: 4440, temporary: true, meaning: 'The viewer has not reported what it received.' },
  TOO_SLOW: { code: 4441, temporary: true, meaning: 'More data waits for this client than its queue may hold.' },
  TOKEN_EXPIRED: { code: 4442, temporary: true, meaning: 'The token expired and was not refreshed.' },
  IDLE: { code: 4443, temporary: true, meaning: 'Nothing was received from the client for too long.' },
  INTERNAL: { code: 4500, temporary: true, meaning: 'The server failed.' },
  ISSUER_UNAVAILABLE: {
    code: 4502,
    temporary: true,
    meaning: "The token cannot be verified now, since its issuer's keys cannot be fetched.",
  },
  GOING_AWAY: { code: 4503, temporary: true, meaning: 'The server is draining; connect again.' },
} as const satisfies Record<string, CloseCode>;

export type CloseCodeName = keyof typeof CloseCodes;

const byNumber = new Map<number, { name: CloseCodeName } & CloseCode>(
  Object.entries(CloseCodes).map(([name, entry]) => [entry.code, { name: name as CloseCodeName, ...entry }]),
);

/**
 * The entry of a close code number. Returns undefined for codes that are not Hayate's (1006 and
 * other transport codes).
 */
export function closeCodeByNumber(code: number): ({ name: CloseCodeName } & CloseCode) | undefined {
  return byNumber.get(code);
}
