// Text of any origin in, text that a terminal may be given out. A title, a file's name or a server's answer may hold escape
// sequences, which move the cursor or set the clipboard, and marks that write the rest of a line backwards: all of these are shown
// as what they are. Columns are counted as terminals do it: two for wide characters of East Asia and for emoji, none for marks.
import { forbiddenCharacter, graphemes } from '@hayate/protocol';

/** `text` on one line, each character that no text may hold written as `\u{1b}`. */
export function terminalText(text: string): string {
  if (forbiddenCharacter(text) === undefined) return text;
  return [...text].map((character) => (forbiddenCharacter(character) === undefined ? character : escaped(character))).join('');
}

/** As terminalText, but line breaks stay. */
export function terminalLines(text: string): string {
  return text.split('\n').map(terminalText).join('\n');
}

/**
 * JSON that a terminal may be given: JSON.stringify escapes the control characters below U+0020 alone, and some terminals obey
 * those from U+007F to U+009F too. Any reader of JSON gets the same value.
 */
export function terminalJson(value: unknown): string {
  return JSON.stringify(value).replace(/[\u007f-\u009f\u2028-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** How many columns of a terminal `text` takes; it holds no control characters. */
export function columnsOf(text: string): number {
  // Most text is ASCII, one column each.
  if (/^[ -~]*$/.test(text)) return text.length;
  let columns = 0;
  for (const { segment } of graphemes(text)) columns += graphemeColumns(segment);
  return columns;
}

/** `text`, or its beginning and an ellipsis in at most `columns` columns. No grapheme is split. */
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

/** Spaces before (`'start'`) or after `text`, so that it takes `columns` columns. */
export function padColumns(text: string, columns: number, where: 'start' | 'end'): string {
  const padding = ' '.repeat(Math.max(0, columns - columnsOf(text)));
  return where === 'start' ? padding + text : text + padding;
}

/** A pictograph that is drawn as one: by itself, by a variation selector, joined with others, a keycap, or a flag. */
const EMOJI = /^(?:\p{RGI_Emoji}|[\p{Emoji_Presentation}--\p{RI}]|\p{Extended_Pictographic}.*[\ufe0f\u200d]|[0-9#*]\ufe0f?\u20e3)/v;
/** Marks, format characters, and the vowels and finals of Hangul that join the consonant before them. */
const NO_COLUMN = /[\p{Mn}\p{Me}\p{Cf}\u1160-\u11ff\ud7b0-\ud7ff]/u;
/** UAX #11: East_Asian_Width W and F, but for emoji. What is unassigned in the planes of ideographs counts as one of them. */
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
