import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Verdict } from './verdict.ts';

test('a rule that was promised and never checked has failed', () => {
  const [result] = new Verdict().results(['B1']);
  assert.equal(result?.outcome, 'failed');
});

test('one failure or one piece of advice outweighs any number of passes', () => {
  const verdict = new Verdict();
  for (const rule of ['B1', 'B2', 'B3'] as const) verdict.pass(rule);
  verdict.fail('B1', 'a frame named another stream');
  verdict.advise('B2', 'no Ping came');
  assert.deepEqual(verdict.results(['B3', 'B2', 'B1']), [
    { rule: 'B3', outcome: 'passed', findings: [] },
    { rule: 'B2', outcome: 'advised', findings: ['no Ping came'] },
    { rule: 'B1', outcome: 'failed', findings: ['a frame named another stream'] },
  ]);
});

test('a broken rule is reported even if the scenario did not promise it; a skip is reported only without any other result', () => {
  const verdict = new Verdict();
  verdict.fail('C1', 'a text message arrived');
  verdict.skip('V3');
  verdict.skip('V4');
  verdict.pass('V4');
  assert.deepEqual(
    verdict.results(['V3', 'V4']).map(({ rule, outcome }) => `${rule} ${outcome}`),
    ['V3 skipped', 'V4 passed', 'C1 failed'],
  );
});

test('a client that breaks a rule many times does not flood the report', () => {
  const verdict = new Verdict();
  for (let time = 0; time < 1_000; time++) verdict.fail('B5', `frame ${time}`);
  assert.equal(verdict.results([])[0]?.findings.length, 6);
  assert.equal(verdict.results([])[0]?.findings.at(-1), 'and 995 more');
});
