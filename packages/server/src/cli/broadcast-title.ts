// A broadcast's title: the one that was typed, else the one in the file's tag. A tag that is too
// long is cut, with a warning, because another program wrote it long ago. A typed title that is too
// long is refused, because its author can shorten it.
import { cleanText, Limits, textFault, truncateText } from '@hayate/protocol';
import { HayateError } from '../kernel/error.ts';

/**
 * Returns the cleaned title. Throws HayateError CONFIGURATION if a typed title is too long; reports
 * to `warn`, in one line, how a tag was cut.
 */
export function broadcastTitle(typed: string | undefined, tag: string | undefined, warn: (line: string) => void): string {
  const max = Limits.titleCharactersMax;
  if (typed !== undefined) {
    const title = cleanText(typed);
    const fault = textFault(title, max);
    if (fault !== undefined) throw new HayateError('CONFIGURATION', `--title ${fault}; use its beginning: "${truncateText(title, max)}"`);
    return title;
  }
  const title = cleanText(tag ?? '');
  if (title.length <= max) return title;
  const cut = truncateText(title, max).trimEnd();
  warn(`the file's title ${textFault(title, max)}: it is cut to "${cut}"`);
  return cut;
}
