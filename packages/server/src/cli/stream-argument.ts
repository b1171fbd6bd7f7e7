// Checks a stream name from the command line. An invalid name is reported in one clear line that
// suggests a valid one.
import { isStreamName, nearestStreamName, proposeStreamName } from '@hayate/protocol';
import { HayateError } from '../kernel/error.ts';

const RULE = '1 to 64 of A-Z a-z 0-9 _ -';

/**
 * Throws HayateError CONFIGURATION unless `text` is a valid stream name. The message has the
 * nearest valid name, if there is one.
 */
export function checkStreamName(text: string): void {
  if (!isStreamName(text)) throw refusal(text, nearestStreamName(text));
}

/**
 * Checks the name of a stream that need not exist yet, like checkStreamName. The message always
 * suggests a name.
 */
export function checkNewStreamName(text: string): void {
  if (!isStreamName(text)) throw refusal(text, nearestStreamName(text) || proposeStreamName(text));
}

function refusal(text: string, proposal: string): HayateError {
  const instead = proposal === '' ? '' : `; ${proposal} is valid`;
  return new HayateError('CONFIGURATION', `"${text}" is not a stream name: ${RULE}${instead}`);
}
