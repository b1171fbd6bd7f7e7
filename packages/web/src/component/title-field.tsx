// The field for a broadcast's title, in any script. The counter counts graphemes, as people do.
import { cleanText, graphemeCount, Limits, truncateText } from '@hayate/protocol';
import type { ReactNode } from 'react';
import { useComposition } from '../studio/composition.ts';
import { textAttributes } from '../text/person-text.ts';

/** The counter appears once this share of the limit is used. */
const countedFrom = 0.75;

interface TitleFieldProps {
  title: string;
  onTitle: (title: string) => void;
  /** Shown in the same row as the field. */
  children?: ReactNode;
}

/** Characters to remove before the title can be sent; 0 if it can. */
export function excessOf(title: string): number {
  const clean = cleanText(title);
  return graphemeCount(clean) - graphemeCount(truncateText(clean, Limits.titleCharactersMax));
}

/**
 * Label, field and counter. Typed text is never cut: that would break an input method or split an
 * emoji.
 */
export function TitleField({ title, onTitle, children }: TitleFieldProps) {
  const { handlers } = useComposition();
  const excess = excessOf(title);
  const isCounted = title.length > Limits.titleCharactersMax * countedFrom;
  const input = (
    <input
      id="title"
      name="title"
      value={title}
      autoComplete="off"
      placeholder="What is your stream about?"
      aria-invalid={excess > 0}
      aria-describedby="title-hint"
      onChange={(event) => onTitle(event.currentTarget.value)}
      {...textAttributes(title)}
      {...handlers}
    />
  );
  return (
    <div className="field">
      <label htmlFor="title">Title</label>
      {children === undefined ? (
        input
      ) : (
        <div className="field-row">
          {input}
          {children}
        </div>
      )}
      <p id="title-hint" className={excess > 0 ? 'hint hint-wrong' : 'hint'} aria-live="polite">
        {excess > 0 && `${excess} ${excess === 1 ? 'character' : 'characters'} too many: shorten the title.`}
        {excess === 0 && isCounted && countText(title)}
      </p>
    </div>
  );
}

/**
 * The characters used, and the room left for plain characters; an emoji of many parts takes
 * several.
 */
function countText(title: string): string {
  const clean = cleanText(title);
  const left = Limits.titleCharactersMax - clean.length;
  return `${graphemeCount(clean)} characters, room for ${left} more; an emoji counts as several.`;
}
