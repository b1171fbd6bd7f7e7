// The only error that the SDK's methods throw. `code` is for programs, `message` is one sentence
// for people.
import type { CloseCodeName } from '@hayate/protocol';

/** The kinds of failure. */
export type ClientErrorCode =
  /**
   * The server closed the connection for a reason that a retry does not change; see `closeCode`.
   */
  | 'REFUSED'
  /** No connection within the time allowed. */
  | 'UNREACHABLE'
  /** The method needs a broadcast or viewer that has started and is not over. */
  | 'NOT_LIVE'
  /** 4,096 events wait to be acknowledged, so this one was not taken. */
  | 'QUEUE_FULL'
  /** An argument is outside its documented range. */
  | 'INVALID'
  /** The microphone or speaker cannot be used; the message says why. */
  | 'DEVICE'
  /** The browser lacks a feature; the message says which. */
  | 'UNSUPPORTED';

interface ClientErrorOptions extends ErrorOptions {
  closeCode?: CloseCodeName;
}

/** An expected failure of the SDK. */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  readonly code: ClientErrorCode;
  /** With REFUSED: why the server closed the connection. */
  readonly closeCode: CloseCodeName | undefined;
  constructor(code: ClientErrorCode, message: string, options: ClientErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.closeCode = options.closeCode;
  }
}
