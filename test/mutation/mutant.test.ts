// Which mutants a source has. Expected values are written by hand, one rule a test.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyMutant, mutantsOf } from './mutant.ts';

/** What becomes of `source`. */
const versions = (source: string): string[] => mutantsOf('file.ts', source).mutants.map((mutant) => applyMutant(source, mutant));

test('a number becomes zero, its neighbours, a thousand times and a hundredth', () => {
  assert.deepEqual(versions('const a = 60;'), ['const a = 0;', 'const a = 59;', 'const a = 61;', 'const a = 60000;', 'const a = 0.6;']);
  assert.deepEqual(versions('const a = 5_000;'), ['const a = 0;', 'const a = 5000000;', 'const a = 50;']);
  assert.deepEqual(versions('const a = 0.7;'), ['const a = 0;', 'const a = 1;']);
  assert.deepEqual(versions('const a = 0;'), ['const a = 1;']);
  assert.deepEqual(versions('const a = 3n;'), ['const a = 0n;', 'const a = 4n;']);
});

test('a comparison moves to its boundary, and turns around', () => {
  assert.deepEqual(versions('a(b > c);'), [';', 'a(b >= c);', 'a(b <= c);']);
  assert.deepEqual(versions('d = a === b;'), [';', 'd = a !== b;']);
});

test('logic changes its operator, its negation and its value', () => {
  assert.deepEqual(versions('let d = !(a && b);'), ['let d = (a && b);', 'let d = !(a || b);']);
  assert.deepEqual(versions('let d = true;'), ['let d = false;']);
  assert.deepEqual(versions('let d = a ?? b;'), ['let d = b;']);
});

test('a branch is never taken, and one with an alternative also always', () => {
  assert.deepEqual(versions('if (a) { let b }'), ['if (false) { let b }']);
  assert.deepEqual(versions('let d = a ? b : c;'), ['let d = false ? b : c;', 'let d = true ? b : c;']);
});

test('a call and an await are removed, an assertion and a log line are not', () => {
  assert.deepEqual(versions('await file.sync();'), [';', 'file.sync();']);
  assert.deepEqual(versions('assert(a); assert.equal(a, b); this.#log.warn(c); log.info(c);'), []);
});

test('a function of several statements returns at once; so does an early return not', () => {
  assert.deepEqual(versions('function f() { g(); let a; }'), ['function f() {}', 'function f() { ; let a; }']);
  assert.deepEqual(versions('const f = () => { if (a) return; let b; };').at(-1), 'const f = () => { if (a) ; let b; };');
});

test('arithmetic changes, but the joining of strings does not', () => {
  assert.deepEqual(versions('let d = a - b * c;'), ['let d = a + b * c;', 'let d = a - b / c;']);
  assert.deepEqual(versions("let d = a + 'x' + b + `y`; d += 'z'").slice(0, -1), []);
  assert.deepEqual(versions('let d = Math.min(a, Math.floor(b));'), [
    'let d = Math.max(a, Math.floor(b));',
    'let d = Math.min(a, Math.ceil(b));',
  ]);
});

test('types, imports, keys and strings stay', () => {
  assert.deepEqual(
    versions("import a from 'b';\ntype C = 1 | 2;\nlet d: 5 | undefined = (a as 5)!;\nlet e = { 7: f<9>(d), 'g': 'h' };"),
    [],
  );
});

test('a comment that gives a reason leaves out its line or the next, and nothing else', () => {
  const marked = 'const a = true; // mutation: equivalent, because it is a hint\nconst b = true;\nconst c = false;';
  const { mutants, declaredEquivalent } = mutantsOf('file.ts', marked);
  assert.deepEqual([mutants.map(({ line }) => line), declaredEquivalent], [[3], 2]);
  assert.equal(mutantsOf('file.ts', 'const a = true; // mutation: equivalent').mutants.length, 1);
});
