// Where log lines go: standard error, without a wait for it. In: lines. Out: the same, as long as they can be written. A full disk
// or a closed pipe there ends no show and holds up no exit; what it does not take within a bound is dropped.
import { type DestinationStream, pino } from 'pino';
import { hasNoReader } from './output-error.ts';

/** Lines that wait to be written, bytes. */
const WAITING_BYTES_MAX = 4 * 1_048_576;

/** Standard error, for a logger. */
export function logOutput(): DestinationStream {
  const output = pino.destination({ fd: 2, sync: false, maxLength: WAITING_BYTES_MAX });
  const { flushSync } = output;
  output.on('error', (error: NodeJS.ErrnoException) => {
    // At the end of the process it would try for ever.
    output.flushSync = () => undefined;
    if (hasNoReader(error)) output.write = () => true;
  });
  output.on('write', () => {
    output.flushSync = flushSync;
  });
  return output;
}
