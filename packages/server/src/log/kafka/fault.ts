// Names the fault of a failed broker call: the protocol's own error name, or NO_ANSWER. The library
// wraps the errors of single partitions in others; this file unwraps them.
import { ProtocolError, protocolErrors, protocolErrorsCodesById, ResponseError } from '@platformatic/kafka';

/** A name of https://kafka.apache.org/protocol#protocol_error_codes, or NO_ANSWER. */
export type Fault = string;

/**
 * There was no answer: the connection could not be made or broke, or the call timed out. The broker
 * may have executed the call.
 */
export const NO_ANSWER: Fault = 'NO_ANSWER';

/** The first broker error in the error that a call threw; NO_ANSWER if there is none. */
export function faultOf(error: unknown): Fault {
  if (error instanceof ProtocolError) return String(error.apiId);
  if (error instanceof AggregateError)
    for (const inner of error.errors) {
      const fault = faultOf(inner);
      if (fault !== NO_ANSWER) return fault;
    }
  return error instanceof Error && error.cause !== undefined ? faultOf(error.cause) : NO_ANSWER;
}

/** The name of an error code; undefined for 0. */
export function faultOfCode(code: number): Fault | undefined {
  return code === 0 ? undefined : (protocolErrorsCodesById[code] ?? `ERROR_${code}`);
}

/** Whether the same call may succeed later, or at another broker. */
export function isPassing(fault: Fault): boolean {
  return fault === NO_ANSWER || protocolErrors[fault]?.canRetry === true || fault === 'BROKER_NOT_AVAILABLE';
}

/**
 * The answer that came with errors of single partitions, for callers that check each partition;
 * throws `error` again if there is none.
 */
export function answerWithin<R>(error: unknown): R {
  if (error instanceof ResponseError && 'response' in error && typeof error.response === 'object') return error.response as R;
  throw error;
}

/** One line for a log or an error message. */
export function describe(error: unknown): string {
  const fault = faultOf(error);
  if (fault !== NO_ANSWER) return fault;
  const messages = error instanceof AggregateError ? error.errors.map(describe) : [];
  if (messages.length > 0) return [...new Set(messages)].join('; ');
  const cause = error instanceof Error && error.cause !== undefined ? `: ${describe(error.cause)}` : '';
  return error instanceof Error ? `${error.message.replace(/\.$/, '')}${cause}` : String(error);
}
