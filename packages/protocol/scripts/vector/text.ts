// Vectors for cleaning text (spec/wire.md, "Text"): texts as people typed them, and the cleaned
// texts. They use only code points that Unicode 6.0 had already, so that the libraries of every
// platform know them.
import { cleanText } from '../../src/index.ts';

const inputs: readonly (readonly [about: string, input: string])[] = [
  ['nothing', ''],
  ['white space alone', ' \t\n '],
  ['white space around it', '  \u3000padded\u3000 '],
  ['plain text of one script', '今夜も歌枠、はじまるよ〜♪'],
  ['text from right to left with its marks', '\u200fשלום, Hayate!\u200e'],
  ['Persian with U+200C', 'می\u200cخواهم'],
  ['line breaks of five kinds and a tab', 'one\r\ntwo\tthree\u2028four\u0085five\u2029six'],
  ['more than two line breaks in a row', 'one\n\n\n\ntwo\n'],
  ['a vertical tab and a form feed', 'one\u000btwo\u000cthree'],
  ['control characters', 'a\u001b[31mb\u0000c\u009bd\u007fe'],
  ['overrides and isolates', 'evil\u202egpj.exe \u2067x\u2069'],
  ['deprecated format characters', 'a\u206ab\u206fc'],
  ['a byte order mark and annotation', '\ufeffa\ufff9b\ufffac\ufffb'],
  ['noncharacters', 'a\ufdd0b\ufffec\u{1ffff}d'],
  ['half a surrogate pair', 'half \ud83d and \udc68 half'],
  ['a combining mark is composed', 'か\u3099 e\u0301'],
  ['marks are put in order and composed', 'q\u0307\u0323 \u1e9b\u0323'],
  ['CJK compatibility ideographs stay', '\ufa19社 \u{2f81a} か\u3099\ufa19か\u3099'],
  ['a Hangul syllable is composed', '\u1112\u1161\u11ab'],
  ['more than eight marks', `z${'\u0315'.repeat(50)}o`],
  ['eight marks', `z${'\u0315'.repeat(8)}o`],
  ['marks and joiners count together', `a${'\u0315\u200d'.repeat(6)}b`],
  ['a family of four', '👨\u200d👩\u200d👧\u200d👦'],
  ['a flag of regional indicators', '🇯🇵🇫🇷'],
  ['a flag with tag characters', '🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}'],
  ['tag characters outside of a flag', 'hi\u{e0068}\u{e0069}dden'],
  ['a flag without its end', '🏴\u{e0067}\u{e0062}x'],
  ['a language tag', '\u{e0001}\u{e0065}\u{e006e}text'],
  ['an ideographic variation sequence', '葛\u{e0100}城'],
  ['nothing visible', '\u200b\u3164 \u2800\u00ad'],
  ['nothing visible among line breaks', '\n\u200b\n'],
];

/** spec/vectors/text-clean.json. */
export const textClean = {
  about:
    'Text as typed (`input`), cleaned as one line and as several lines, and the UTF-16 code units of each. Lone surrogates are written as escapes.',
  texts: inputs.map(([about, input]) => {
    const [line, lines] = [cleanText(input), cleanText(input, { lines: true })];
    return { about, input, line, lines, units: [input.length, line.length, lines.length] };
  }),
};
