// The consequence of a connection's end: reconnect, stop because the work is done, or stop because
// another attempt would get the same answer.
import { type CloseCodeName, closeCodeByNumber } from '@hayate/protocol';

/** How one connection ended. */
export interface CloseReason {
  /** WebSocket close code; 1006 if the connection was lost, or never opened. */
  code: number;
  name: CloseCodeName | undefined;
  /** One sentence for people. */
  sentence: string;
  /**
   * 'retry': another attempt may help; 'ended': the work is done; 'failed': another attempt does
   * not help.
   */
  outcome: 'retry' | 'ended' | 'failed';
}

/** RFC 6455 section 7.4.1: codes by which a peer says that the input it got was wrong. */
const WRONG_INPUT = new Set([1002, 1003, 1007, 1008, 1009, 1010]);

/** Interprets a close code and its reason text. */
export function closeReason(code: number, text: string): CloseReason {
  const entry = closeCodeByNumber(code);
  if (entry === undefined) {
    const sentence = WRONG_INPUT.has(code) ? `The peer refused the connection (WebSocket code ${code}).` : 'The connection was lost.';
    return {
      code,
      name: undefined,
      sentence: text === '' ? sentence : `${sentence} ${text}`,
      outcome: WRONG_INPUT.has(code) ? 'failed' : 'retry',
    };
  }
  const outcome = entry.name === 'NORMAL' || entry.name === 'STREAM_ENDED' ? 'ended' : entry.temporary ? 'retry' : 'failed';
  return { code, name: entry.name, sentence: text === '' || text === entry.meaning ? entry.meaning : `${entry.meaning} ${text}`, outcome };
}
