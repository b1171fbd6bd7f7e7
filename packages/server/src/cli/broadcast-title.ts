// A broadcast's title: what was typed, else what the file's tag says. A tag was written long ago and by another program: it is
// cut where it is too long, with a warning. What was typed is not: the person is there to shorten it.
import { cleanText, Limits, textFault, truncateText } from '@hayate/protocol';
import { HayateError } from '../kernel/error.ts';

/** The title, clean. Throws HayateError CONFIGURATION for a typed one that is too long; tells `warn`, in one line, what was cut. */
export function broadcastTitle(typed: string | undefined, tag: string | undefined, warn: (line: string) => void): string {
  const max = Limits.titleCharactersMax;
  if (typed !== undefined) {
    const title = cleanText(typed);
    const fault = textFault(title, max);
    if (fault !== undefined)
      throw new HayateError('CONFIGURATION', `--title ${fault}; its beginning would do: "${truncateText(title, max)}"`);
    return title;
  }
  const title = cleanText(tag ?? '');
  if (title.length <= max) return title;
  const cut = truncateText(title, max).trimEnd();
  warn(`the file's title ${textFault(title, max)}: it is cut to "${cut}"`);
  return cut;
}
