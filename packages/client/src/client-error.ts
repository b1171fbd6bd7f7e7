// The one error that the SDK's own methods throw or reject with. `code` is for programs, `message` is one sentence for people.
import type { CloseCodeName } from '@hayate/protocol';

/** What went wrong. */
export type ClientErrorCode =
  /** The server closed the connection for a reason that trying again does not change; see `closeCode`. */
  | 'REFUSED'
  /** No connection in the time allowed. */
  | 'UNREACHABLE'
  /** The method needs a broadcast or viewer that is started and not over. */
  | 'NOT_LIVE'
  /** 4,096 events wait to be acknowledged: this one was not taken. */
  | 'QUEUE_FULL'
  /** An argument is out of the range that its documentation states. */
  | 'INVALID'
  /** The microphone or speaker cannot be used; the message says why. */
  | 'DEVICE'
  /** The browser lacks something that is needed; the message says what. */
  | 'UNSUPPORTED';

export interface ClientErrorOptions extends ErrorOptions {
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
