// In: vectors for platforms. Out: calls of a program in another language, which reads one call a
// line and answers each with a line, and the comparison of its answers with the vectors.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cleanText } from '@hayate/protocol';
import { platformVectors } from '../../../packages/protocol/scripts/vector/platform.ts';
import type { BonePose, TextClean } from './platform-vector.ts';

/** A JSON file of spec/vectors, as the script writes it. */
export const vectors = <T>(name: string): T => JSON.parse(Buffer.from(platformVectors.get(name) ?? []).toString('utf8')) as T;

/**
 * A call of the driver, and the expected answer: numbers are compared with a tolerance, words
 * exactly.
 */
export type Call = {
  readonly words: readonly (string | number)[];
  readonly wanted: readonly (string | number)[];
  readonly tolerance: number;
};

/** Single precision of numbers up to 2. */
export const FLOAT = 1e-6;

const hex = (text: string): string =>
  Array.from({ length: text.length }, (_, i) => text.charCodeAt(i).toString(16).padStart(4, '0')).join('');
/** Cleans every text of text-clean.json. */
export const textCalls = (): Call[] =>
  vectors<TextClean>('text-clean.json').texts.map(({ input, line, lines }) => ({
    words: ['text', hex(input)],
    wanted: [`=${hex(line)}`, `=${hex(lines)}`],
    tolerance: 0,
  }));

/**
 * Pieces that the text rules treat specially, all of them already in Unicode 6.0, and code points
 * next to their ranges.
 */
const pieces: readonly string[] = [
  ...['a', 'Z', 'é', 'e', ' ', '\u3000', '\u00a0', '\t', '\n', '\n\n', '\r', '\r\n', '\v', '\f', '\u0085', '\u2028', '\u2029'],
  ...['\u0000', '\u001b', '\u001f', '\u007f', '\u009f', '\u200b', '\u200e', '\u2029', '\u202a', '\u202e', '\u202f', '\u2065', '\u2066'],
  ...[
    '\u206a',
    '\u206f',
    '\u2070',
    '\ufeff',
    '\ufff8',
    '\ufff9',
    '\ufffb',
    '\ufffc',
    '\ufffd',
    '\ufffe',
    '\uffff',
    '\ufdcf',
    '\ufdd0',
    '\ufdef',
  ],
  ...[
    '\ufdf0',
    '\ud83d',
    '\udc68',
    '\ud800',
    '\udfff',
    '\u{1fffe}',
    '\u{10ffff}',
    '\u{e0000}',
    '\u{e0001}',
    '\u{e0020}',
    '\u{e007f}',
    '\u{e0080}',
  ],
  ...[
    '\u0301',
    '\u0323',
    '\u0307',
    '\u0315',
    '\u0327',
    '\u0903',
    '\u20dd',
    '\u3099',
    '\u200c',
    '\u200d',
    '\ufe0f',
    '\u{e0100}',
    '\u{1d165}',
  ],
  ...[
    'か',
    'が',
    '\u1112',
    '\u1161',
    '\u11ab',
    '한',
    '\uac00',
    '\u212b',
    '\u2126',
    '\u0958',
    '\ufb1d',
    '\uf8ff',
    '\uf900',
    '\ufaff',
    '\ufb00',
  ],
  ...[
    '\u{2f7ff}',
    '\u{2f800}',
    '\u{2fa1d}',
    '\u{1f468}',
    '\u{1f1ef}',
    '\u{1f3f4}',
    '\u{e0067}\u{e0062}',
    '\u{e007f}',
    '\u{e0030}',
    '\u{e0041}',
  ],
  ...['\u{1f3f4}\u{e0067}\u{e0062}\u{e007f}', '\u00ad', '\u034f', '\u115f', '\u3164', '\uffa0', '\u2800', '\u17b4', '\u180b', '\u{1d173}'],
];

/** Printed with the failure; SEED=… repeats the run. */
export const textSeed = Number(process.env.SEED ?? 1 + (Date.now() % 1_000_000));

/**
 * Cleans texts drawn from `pieces`, except those that match `without`, and expects the results of
 * our own cleaner. The seed repeats them.
 */
export const drawnTextCalls = (seed: number, count: number, without = /(?!)/u): Call[] => {
  const drawn = pieces.filter((piece) => !without.test(piece));
  let state = seed;
  // Park and Miller's generator.
  const draw = (below: number): number => {
    state = (state * 48_271) % 0x7fffffff;
    return state % below;
  };
  return Array.from({ length: count }, () => {
    const text = Array.from({ length: draw(24) }, () => (drawn[draw(drawn.length)] ?? '').repeat(draw(8) === 0 ? 9 : 1)).join('');
    const wanted = [cleanText(text), cleanText(text, { lines: true })];
    return { words: ['text', hex(text)], wanted: wanted.map((clean) => `=${hex(clean)}`), tolerance: 0 };
  });
};

/** Turns bones of `ownBones`; `turn` converts a rotation from the wire's axes to the renderer's. */
export const ownBoneCalls = (bones: readonly BonePose[], turn: (vrm: readonly number[]) => readonly number[]): Call[] =>
  bones.map(({ vrm, initialLocal, initialRoot, local }) => ({
    words: ['ownBone', ...turn(vrm), ...initialLocal, ...initialRoot],
    wanted: local,
    tolerance: FLOAT,
  }));

/** Sends all calls to `program` and compares its answers. */
export const check = (program: string, args: readonly string[], calls: readonly Call[]): void => {
  const input = calls.map(({ words }) => `${words.join(' ')}\n`).join('');
  const { status, stdout, stderr } = spawnSync(program, args, { input, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const answers = stdout.trimEnd().split('\n');
  assert.equal(answers.length, calls.length);
  for (const [i, { words, wanted, tolerance }] of calls.entries()) {
    const answer = (answers[i] ?? '').split(' ');
    assert.equal(answer.length, wanted.length, `${words.join(' ')}: ${answers[i]}`);
    for (const [k, value] of wanted.entries()) {
      if (typeof value === 'string') assert.equal(answer[k], value, `${words.join(' ')} (SEED=${textSeed})`);
      else assert.ok(Math.abs(Number(answer[k]) - value) <= tolerance, `${words.join(' ')}: ${answers[i]}, wanted ${wanted.join(' ')}`);
    }
  }
};
