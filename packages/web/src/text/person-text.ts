// Text by people (titles, names) in, its display attributes out: its own direction, isolated from
// the text around it, and the glyphs of its language, which differ between countries for Chinese
// characters.

/** Attributes of an element that holds only a person's text. */
interface TextAttributes {
  readonly dir: 'auto';
  readonly lang?: string;
}

/**
 * The attributes for an element with `text`. The visitor's `languages` decide if the characters
 * alone do not.
 */
export function textAttributes(text: string, languages: readonly string[] = navigator.languages): TextAttributes {
  const lang = languageOf(text, languages);
  return { dir: 'auto', ...(lang === undefined ? {} : { lang }) };
}

/**
 * `text` for an attribute or a plain sentence: isolated, so that its direction does not affect the
 * text around it.
 */
export function isolated(text: string): string {
  return `\u2068${text}\u2069`;
}

function languageOf(text: string, languages: readonly string[]): string | undefined {
  if (/[\p{Script=Hiragana}\p{Script=Katakana}]/u.test(text)) return 'ja';
  if (/\p{Script=Hangul}/u.test(text)) return 'ko';
  if (!/\p{Script=Han}/u.test(text)) return undefined;
  return languages.find((language) => /^(zh|ja|ko)\b/.test(language)) ?? 'ja';
}
