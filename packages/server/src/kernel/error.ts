// One error class for expected failures. Programs read the code, people read the message.
import type { CloseCodeName } from '@hayate/protocol';

/** Expected failures, by code. `assert` marks bugs instead. */
export type ErrorCode =
  | 'CONFIGURATION'
  | 'UNAUTHORIZED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'GONE'
  | 'BAD_REQUEST'
  | 'NOT_ACCEPTABLE'
  | 'PRECONDITION_FAILED'
  | 'RANGE_NOT_SATISFIABLE'
  | 'IN_USE'
  | 'CORRUPT'
  | 'CONFLICT'
  | 'UNREACHABLE'
  | 'CLOSED';

interface HayateErrorOptions extends ErrorOptions {
  /** How a WebSocket connection with this error is closed. */
  closeCode?: CloseCodeName;
  /** Whether trying again later may help. */
  temporary?: boolean;
  /** When to try again, if known. */
  retryAfterMs?: number;
}

/** An expected failure. */
export class HayateError extends Error {
  override readonly name = 'HayateError';
  readonly code: ErrorCode;
  readonly closeCode: CloseCodeName;
  readonly temporary: boolean;
  readonly retryAfterMs: number | undefined;
  constructor(code: ErrorCode, message: string, options: HayateErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.closeCode = options.closeCode ?? 'INTERNAL';
    this.temporary = options.temporary ?? false;
    this.retryAfterMs = options.retryAfterMs;
  }
}
