// The text that people write: titles, names, comments. Defines the characters that it may hold,
// cleans typed text into that form, and counts and cuts it. Invariants: cleaned text is valid text,
// cleaning twice changes nothing, and a cut never splits a character as people see it (a grapheme
// cluster, UAX #29). spec/wire.md, "Text", has the rule for other languages.

/** Options of the use: a name, a title or a comment. */
export interface TextOptions {
  /** The text may have several lines, separated by U+000A, as a comment may. Default: one line. */
  readonly lines?: boolean;
}

/**
 * No text may hold these: control characters, line and paragraph separators, lone surrogates,
 * noncharacters, marks that change the direction of the text after them (embeddings, overrides,
 * isolates; the weak marks U+061C, U+200E and U+200F are allowed), deprecated format characters,
 * the byte order mark, and interlinear annotation.
 */
const FORBIDDEN_SET = String.raw`\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}\u202a-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb\u{e0001}`;
const FORBIDDEN = new RegExp(`[${FORBIDDEN_SET}]`, 'u');
/** Tabs and line breaks are forbidden too, but cleaning treats them as white space. */
const BREAK_SET = String.raw`\t\n\v\f\r\u0085\u2028\u2029`;
const FORBIDDEN_BUT_BREAKS = new RegExp(`(?![${BREAK_SET}])[${FORBIDDEN_SET}]`, 'gu');
const BREAKS = new RegExp(`[${BREAK_SET}]+`, 'gu');

/**
 * A flag that is spelled with tag characters (UTS #51, ED-14a), or a tag character outside a flag,
 * which is invisible.
 */
const FLAG_OR_TAG = /(\u{1f3f4}[\u{e0030}-\u{e0039}\u{e0061}-\u{e007a}]{1,16}\u{e007f})|[\u{e0000}-\u{e007f}]/gu;

/**
 * Marks that one base character may carry. Scripts in use need fewer. Piles of marks cover the
 * lines above and below.
 */
const MARKS_MAX = 8;
const TOO_MANY_MARKS = new RegExp(`([\\p{M}\\u200c\\u200d]{${MARKS_MAX}})[\\p{M}\\u200c\\u200d]+`, 'gu');

/**
 * NFC would replace CJK compatibility ideographs by others, which changes people's names, so
 * cleaning leaves them unchanged.
 */
const COMPOSABLE = /[^\uf900-\ufaff\u{2f800}-\u{2fa1f}]+/gu;

const BLANK = /^[\p{White_Space}\p{Default_Ignorable_Code_Point}\u2800]*$/u;

/** The first character of `text` that text may not hold, as `U+202E`, or undefined. */
export function forbiddenCharacter(text: string, { lines = false }: TextOptions = {}): string | undefined {
  const found = FORBIDDEN.exec(lines ? text.replaceAll('\n', ' ') : text)?.[0].codePointAt(0);
  return found === undefined ? undefined : `U+${found.toString(16).toUpperCase().padStart(4, '0')}`;
}

/**
 * Cleans `text`. Removes forbidden characters, white space at both ends, and tag characters outside
 * flags. Turns tabs and line breaks into spaces (with `lines`, line breaks into U+000A, at most two
 * in a row). Composes letters and their marks (NFC, except CJK compatibility ideographs) and keeps
 * at most 8 marks on each. Empty if nothing visible remains.
 */
export function cleanText(text: string, { lines = false }: TextOptions = {}): string {
  const allowed = text.replace(FORBIDDEN_BUT_BREAKS, '').replace(FLAG_OR_TAG, '$1');
  const broken = lines
    ? allowed
        .replaceAll('\t', ' ')
        .replace(/\r\n|[\v\f\r\u0085\u2028\u2029]/g, '\n')
        .replace(/\n{3,}/g, '\n\n')
    : allowed.replace(BREAKS, ' ');
  const composed = broken.replace(COMPOSABLE, (run) => run.normalize('NFC')).replace(TOO_MANY_MARKS, '$1');
  return BLANK.test(composed) ? '' : composed.trim();
}

/**
 * The longest beginning of `text` that has at most `units` UTF-16 code units (the unit of `length`)
 * and ends between two graphemes. No emoji, flag or letter with marks is split. Empty if the first
 * grapheme alone is longer.
 */
export function truncateText(text: string, units: number): string {
  if (text.length <= units) return text;
  // Text far beyond the limit does not affect the grapheme boundaries before it.
  let end = 0;
  for (const { segment } of graphemes(text.slice(0, units + LOOK_AHEAD))) {
    if (end + segment.length > units) break;
    end += segment.length;
  }
  return text.slice(0, end);
}

/** A grapheme boundary depends on at most the next code point, which has at most two units. */
const LOOK_AHEAD = 2;

/** How many characters people see in `text`: the number of extended grapheme clusters. */
export function graphemeCount(text: string): number {
  let count = 0;
  for (const _ of graphemes(text)) count++;
  return count;
}

/** The extended grapheme clusters of `text` (UAX #29), in order. */
export function graphemes(text: string): Iterable<{ readonly segment: string }> {
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  return segmenter.segment(text);
}

let segmenter: Intl.Segmenter | undefined;

/**
 * Why `text` is refused where at most `unitsMax` UTF-16 code units are allowed, or undefined if it
 * is valid. The reason is a clause such as `holds U+202E, which is not allowed`. Callers put the
 * field's name before it. The clause never holds the text itself.
 */
export function textFault(text: string, unitsMax: number, options: TextOptions = {}): string | undefined {
  if (text.length > unitsMax) return `has ${text.length} characters (UTF-16 code units), at most ${unitsMax} are allowed`;
  const forbidden = forbiddenCharacter(text, options);
  return forbidden === undefined ? undefined : `holds ${forbidden}, which is not allowed`;
}
