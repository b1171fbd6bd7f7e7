// Why an epoch ended, in words (message.proto, EndReason).
import { EndReason } from '@hayate/protocol';

/**
 * 'finished': the broadcaster ended it; 'lost': the broadcaster did not return in time;
 * 'superseded': a newer broadcast of the stream began; 'moderated': ended over the HTTP API.
 */
export type EndReasonName = 'finished' | 'lost' | 'superseded' | 'moderated' | 'unknown';

const names: Readonly<Record<number, EndReasonName>> = {
  [EndReason.FINISHED]: 'finished',
  [EndReason.LOST]: 'lost',
  [EndReason.SUPERSEDED]: 'superseded',
  [EndReason.MODERATED]: 'moderated',
};

/** The word for a reason; 'unknown' for one that this SDK does not know. */
export function endReasonName(reason: EndReason): EndReasonName {
  return names[reason] ?? 'unknown';
}
