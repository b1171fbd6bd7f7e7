// The kit's rules are those of spec/behaviour.md, and each is checked or said to be uncheckable.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { scenariosOf } from '../../../packages/server/src/conformance/index.ts';
import { rulesOf } from '../../../packages/server/src/conformance/report.ts';
import { type RuleId, ruleOf, rules } from '../../../packages/server/src/conformance/rule.ts';
import { deltaVectors, keyVectors, unreadableVectors } from '../../../packages/server/src/conformance/watch/payload-vectors.ts';
import { root } from '../../support/process.ts';

const sides = ['publish', 'watch'] as const;
const subjects: Readonly<Record<string, string>> = { C: 'a client', B: 'a broadcaster', V: 'a viewer' };

test("the kit's rules equal those of spec/behaviour.md, word for word", () => {
  const page = readFileSync(`${root}/spec/behaviour.md`, 'utf8');
  const onPage = [...page.matchAll(/^\| ([CBV]\d+) \| (.*) \|$/gm)].map(([, id = '', text = '']) => {
    const sentence = text.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1');
    return `${id}: ${subjects[id.charAt(0)]} ${sentence}`;
  });
  const inKit = (Object.keys(rules) as RuleId[]).filter((id) => !id.startsWith('I')).map((id) => `${id}: ${ruleOf(id).sentence}`);
  assert.ok(onPage.length > 30, `${onPage.length} rules on the page`);
  assert.deepEqual(inKit, onPage);
});

test('each rule is checked by a scenario of its side, or says why no scenario can check it', () => {
  for (const side of sides) {
    const checked = new Set(scenariosOf[side].filter(({ slow }) => slow !== true).flatMap((scenario) => scenario.rules));
    for (const rule of rulesOf(side))
      assert.equal(checked.has(rule), ruleOf(rule).unobservable === undefined, `${rule} on the side ${side}`);
  }
});

test('scenarios have unique names and check only rules of their side', () => {
  for (const side of sides) {
    const names = scenariosOf[side].map(({ name }) => name);
    assert.deepEqual(names, [...new Set(names)]);
    for (const { name, rules: promised } of scenariosOf[side]) {
      assert.match(name, /^[a-z0-9]+(-[a-z0-9]+)*$/);
      for (const rule of promised) assert.ok(rulesOf(side).includes(rule), `${name}: ${rule}`);
    }
  }
});

test('the page about conformance names every scenario and rule', () => {
  const page = readFileSync(`${root}/docs/client/conformance.md`, 'utf8');
  for (const side of sides)
    for (const { name, about, slow, rules } of scenariosOf[side])
      assert.ok(page.includes(`| \`${name}\` | ${about}${slow ? ' (slow)' : ''} | ${rules.join(' ')} |`), `${side}: ${name}`);
  for (const id of ['I1', 'I2'] as const) assert.ok(page.includes(`| ${id} |`), id);
});

test("the kit's payloads are all vectors of MOTION in spec/vectors", () => {
  const inKit = { ...unreadableVectors, ...keyVectors, ...deltaVectors };
  const files = readdirSync(`${root}/spec/vectors`).filter((name) => /^motion-.*\.bin$/.test(name));
  assert.deepEqual(
    Object.entries(inKit).sort(),
    files.map((name) => [name.replace('.bin', ''), readFileSync(`${root}/spec/vectors/${name}`).toString('hex')]).sort(),
  );
});
