// What people wrote (titles, names) in, how a page sets it out: in its own direction, apart from the text around it, and in the
// glyphs of its language, which for Chinese characters differ from country to country.

/** Attributes of an element that holds nothing but a person's text. */
export interface TextAttributes {
  readonly dir: 'auto';
  readonly lang?: string;
}

/** The attributes for an element with `text`; `languages` are the visitor's, which decide where characters alone do not. */
export function textAttributes(text: string, languages: readonly string[] = navigator.languages): TextAttributes {
  const lang = languageOf(text, languages);
  return { dir: 'auto', ...(lang === undefined ? {} : { lang }) };
}

/** `text` for an attribute or a sentence of plain text: isolated, so that its direction does not turn what stands around it. */
export function isolated(text: string): string {
  return `\u2068${text}\u2069`;
}

function languageOf(text: string, languages: readonly string[]): string | undefined {
  if (/[\p{Script=Hiragana}\p{Script=Katakana}]/u.test(text)) return 'ja';
  if (/\p{Script=Hangul}/u.test(text)) return 'ko';
  if (!/\p{Script=Han}/u.test(text)) return undefined;
  return languages.find((language) => /^(zh|ja|ko)\b/.test(language)) ?? 'ja';
}
