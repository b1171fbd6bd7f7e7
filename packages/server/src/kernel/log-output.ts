// Writes log lines to standard error without blocking. In: lines. Out: the same lines, while they
// can be written. A full disk or a closed pipe there neither ends a show nor delays an exit. Lines
// that it does not take are dropped beyond a bound.
import { type DestinationStream, pino } from 'pino';
import { hasNoReader } from './output-error.ts';

/** Bytes of lines that may wait to be written. */
const WAITING_BYTES_MAX = 4 * 1_048_576;

/** Standard error as the output of a logger. */
export function logOutput(): DestinationStream {
  const output = pino.destination({ fd: 2, sync: false, maxLength: WAITING_BYTES_MAX });
  const { flushSync } = output;
  output.on('error', (error: NodeJS.ErrnoException) => {
    // At the end of the process, pino would otherwise retry forever.
    output.flushSync = () => undefined;
    if (hasNoReader(error)) output.write = () => true;
  });
  output.on('write', () => {
    output.flushSync = flushSync;
  });
  return output;
}
