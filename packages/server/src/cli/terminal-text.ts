// Makes text of any origin safe to print on a terminal. A title, a file's name or a server's answer
// may hold escape sequences, which move the cursor or set the clipboard, and marks that reverse the
// rest of a line. All of these are printed as visible escapes. Columns are counted as terminals
// count them: two for wide East Asian characters and for emoji, none for marks.
import { forbiddenCharacter, graphemes } from '@hayate/protocol';

/**
 * Returns `text` on one line; each character that is not allowed in text becomes an escape like
 * `\u{1b}`.
 */
export function terminalText(text: string): string {
  if (forbiddenCharacter(text) === undefined) return text;
  return [...text].map((character) => (forbiddenCharacter(character) === undefined ? character : escaped(character))).join('');
}

/** Does the same as terminalText, but keeps line breaks. */
export function terminalLines(text: string): string {
  return text.split('\n').map(terminalText).join('\n');
}

/**
 * JSON that is safe to print on a terminal. JSON.stringify escapes only the control characters
 * below U+0020, but some terminals also obey those from U+007F to U+009F. Any JSON reader gets the
 * same value.
 */
export function terminalJson(value: unknown): string {
  return JSON.stringify(value).replace(/[\u007f-\u009f\u2028-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** The number of terminal columns that `text` takes. `text` must not hold control characters. */
export function columnsOf(text: string): number {
  // Most text is ASCII, one column each.
  if (/^[ -~]*$/.test(text)) return text.length;
  let columns = 0;
  for (const { segment } of graphemes(text)) columns += graphemeColumns(segment);
  return columns;
}

/**
 * Returns `text`, or its beginning and an ellipsis in at most `columns` columns. Never splits a
 * grapheme.
 */
export function fitColumns(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  let fitting = '';
  let left = columns - 1;
  for (const { segment } of graphemes(text)) {
    left -= graphemeColumns(segment);
    if (left < 0) break;
    fitting += segment;
  }
  return columns < 1 ? '' : `${fitting.trimEnd()}…`;
}

/** Adds spaces before (`'start'`) or after `text`, so that it takes `columns` columns. */
export function padColumns(text: string, columns: number, where: 'start' | 'end'): string {
  const padding = ' '.repeat(Math.max(0, columns - columnsOf(text)));
  return where === 'start' ? padding + text : text + padding;
}

/**
 * A pictograph that is drawn as one: by itself, by a variation selector, joined with others, a
 * keycap, or a flag.
 */
const EMOJI = /^(?:\p{RGI_Emoji}|[\p{Emoji_Presentation}--\p{RI}]|\p{Extended_Pictographic}.*[\ufe0f\u200d]|[0-9#*]\ufe0f?\u20e3)/v;
/**
 * Marks, format characters, and the vowels and finals of Hangul that join the consonant before
 * them.
 */
const NO_COLUMN = /[\p{Mn}\p{Me}\p{Cf}\u1160-\u11ff\ud7b0-\ud7ff]/u;
/**
 * UAX #11: East_Asian_Width W and F, except emoji. Unassigned code points in the ideographic planes
 * count as wide too.
 */
const WIDE =
  /[\u1100-\u115f\u2329\u232a\u2630-\u2637\u268a-\u268f\u2e80-\u303e\u3041-\u3247\u3250-\u4dbf\u4dc0-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6b\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18dff}\u{1aff0}-\u{1b2ff}\u{1d300}-\u{1d376}\u{1f200}-\u{1f265}\u{20000}-\u{3fffd}[\p{Emoji_Presentation}--\p{RI}]]/v;

function graphemeColumns(grapheme: string): number {
  if (EMOJI.test(grapheme)) return 2;
  let columns = 0;
  for (const character of grapheme) {
    if (NO_COLUMN.test(character)) continue;
    columns += WIDE.test(character) ? 2 : 1;
  }
  return columns;
}

function escaped(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
