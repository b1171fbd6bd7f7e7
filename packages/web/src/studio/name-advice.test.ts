import assert from 'node:assert/strict';
import { test } from 'node:test';
import { foldName, nameAdvice } from './name-advice.ts';

const nobody = () => false;
const advice = (stream: string, title = '', isLive: (stream: string) => boolean = nobody) =>
  nameAdvice({ stream, title, made: 'kaze-hoshi-123' }, isLive);

test('an invalid name gets the alphabet and a valid suggestion', () => {
  for (const [stream, title, proposal] of [
    ['星', '', 'kaze-hoshi-123'],
    ['星', '夜のラジオ', 'kaze-hoshi-123'],
    ['星', 'Evening radio', 'evening-radio'],
    ['my stream', 'Evening radio', 'my-stream'],
    ['é', '', 'e'],
    ['', '', 'kaze-hoshi-123'],
    ['x'.repeat(65), '', 'x'.repeat(64)],
  ] as const) {
    const { isWrong, proposal: offered, sentence } = advice(stream, title);
    assert.deepEqual([isWrong, offered], [true, proposal], stream);
    assert.ok(sentence.length > 0);
  }
  assert.match(advice('星').sentence, /only A–Z, a–z, 0–9, _ and -\. The title may be in any script\.$/);
  assert.match(advice('x'.repeat(65)).sentence, /at most 64 characters, and this one has 65/);
});

test('a name that is live now gets a warning and another suggestion', () => {
  const { sentence, isWrong, proposal } = advice('hoshi', '', (name) => name === 'hoshi' || name === 'hoshi-2');
  assert.match(sentence, /^hoshi is live now/);
  assert.deepEqual([isWrong, proposal], [false, 'hoshi-3']);
});

test('a name is suggested from a Latin title, never one that is live', () => {
  assert.equal(advice('kaze-1', 'Évening radio 夜').proposal, 'evening-radio');
  assert.equal(advice('kaze-1', 'Evening radio', (name) => name === 'evening-radio').proposal, 'evening-radio-2');
  assert.equal(advice('evening-radio', 'Evening radio').proposal, undefined);
  assert.equal(advice('kaze-1', '夜のラジオ').proposal, undefined);
  assert.match(advice('Hoshi').sentence, /Hoshi and hoshi are two streams/);
});

test('full-width letters are folded, everything else is unchanged', () => {
  assert.equal(foldName('ｈｏｓｈｉ＿１ '), 'hoshi_1');
  assert.equal(foldName('星'), '星');
  assert.equal(foldName('　'), '');
});
