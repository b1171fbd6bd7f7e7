// The stream's name as it is typed on the command line. A name that cannot be is one clear line, with one that can.
import { isStreamName, nearestStreamName, proposeStreamName } from '@hayate/protocol';
import { HayateError } from '../kernel/error.ts';

const RULE = '1 to 64 of A-Z a-z 0-9 _ -';

/** Throws HayateError CONFIGURATION unless `text` names a stream; the message has the nearest name, if there is one. */
export function checkStreamName(text: string): void {
  if (!isStreamName(text)) throw refusal(text, nearestStreamName(text));
}

/** As checkStreamName, for a stream that need not exist yet: the message always has a name. */
export function checkNewStreamName(text: string): void {
  if (!isStreamName(text)) throw refusal(text, nearestStreamName(text) || proposeStreamName(text));
}

function refusal(text: string, proposal: string): HayateError {
  const instead = proposal === '' ? '' : `; ${proposal} would be one`;
  return new HayateError('CONFIGURATION', `"${text}" is not a stream name: ${RULE}${instead}`);
}
