// Stream names become channel names, log keys and path segments, so their alphabet is closed.
// People title their broadcasts in every script, so this module turns a typed text into a similar
// stream name.

/** A stream name: 1 to 64 of A-Z a-z 0-9 _ -. Case matters. */
export const STREAM_NAME_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;

const LENGTH_MAX = 64;
/** A title that yields fewer characters or letters than these is not used as a name. */
const PROPOSAL_LENGTH_MIN = 3;
const PROPOSAL_LETTERS_MIN = 2;

/** Latin letters that Unicode does not decompose into a basic letter and marks. */
const LETTERS: Readonly<Record<string, string>> = {
  ß: 'ss',
  ẞ: 'SS',
  æ: 'ae',
  Æ: 'AE',
  œ: 'oe',
  Œ: 'OE',
  ø: 'o',
  Ø: 'O',
  đ: 'd',
  Đ: 'D',
  ð: 'd',
  Ð: 'D',
  þ: 'th',
  Þ: 'TH',
  ł: 'l',
  Ł: 'L',
  ħ: 'h',
  Ħ: 'H',
  ŧ: 't',
  Ŧ: 'T',
  ŋ: 'ng',
  Ŋ: 'NG',
  ı: 'i',
  ə: 'e',
  Ə: 'E',
};
const LETTER = new RegExp(`[${Object.keys(LETTERS).join('')}]`, 'gu');

/** Words of generated names: things that people see of the wind, and things that it moves. */
const WORDS = [
  'kaze',
  'hoshi',
  'sora',
  'tsuki',
  'nami',
  'yuki',
  'hana',
  'mori',
  'niji',
  'kumo',
  'umi',
  'asa',
  'yoru',
  'hikari',
  'natsu',
  'fuyu',
];

/** Whether `name` may name a stream. */
export function isStreamName(name: string): boolean {
  return STREAM_NAME_PATTERN.test(name);
}

/**
 * The stream name nearest to the text `typed`. Full-width letters are folded (NFKC), Latin letters
 * lose their marks, and a hyphen replaces anything else between letters. Empty if nothing remains.
 * A text that is a stream name already is returned unchanged.
 */
export function nearestStreamName(typed: string): string {
  if (isStreamName(typed)) return typed;
  return typed
    .normalize('NFKC')
    .replace(LETTER, (letter) => LETTERS[letter] ?? '')
    .normalize('NFD')
    .replace(/\p{M}|['’]/gu, '')
    .replace(/[^A-Za-z0-9_]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, LENGTH_MAX)
    .replace(/-+$/, '');
}

/**
 * Proposes a name for a broadcast of this title. The name is the title's Latin letters and digits
 * in lower case. If these are too few, it is two words and a number drawn from `random` (0 to below
 * 1). It is never empty, and `isTaken` is false for it.
 */
export function proposeStreamName(
  title: string,
  { isTaken = () => false, random = Math.random }: { isTaken?: (name: string) => boolean; random?: () => number } = {},
): string {
  const spelled = nearestStreamName(title).toLowerCase();
  const letters = spelled.replace(/[^a-z]/g, '').length;
  if (spelled.length < PROPOSAL_LENGTH_MIN || letters < PROPOSAL_LETTERS_MIN) return madeUpName(isTaken, random);
  for (let number = 1; ; number++) {
    const suffix = number === 1 ? '' : `-${number}`;
    const name = spelled.slice(0, LENGTH_MAX - suffix.length).replace(/-+$/, '') + suffix;
    if (!isTaken(name)) return name;
  }
}

function madeUpName(isTaken: (name: string) => boolean, random: () => number): string {
  const below = (end: number) => Math.floor(random() * end);
  const first = below(WORDS.length);
  const second = (first + 1 + below(WORDS.length - 1)) % WORDS.length;
  for (let number = 100 + below(900); ; number++) {
    const name = `${WORDS[first]}-${WORDS[second]}-${number}`;
    if (!isTaken(name)) return name;
  }
}
