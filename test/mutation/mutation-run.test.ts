// The mutation tester on small repositories of its own: real test files, run by Node.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { root, runProcess, startProcess } from '../support/process.ts';
import { processesWith } from '../support/process-table.ts';
import { tempDir } from '../support/temp-dir.ts';
import { MutationError, readArguments } from './arguments.ts';
import { type FileReport, type MutationOptions, mutate } from './mutation-run.ts';
import { scoreOf, survivorsText, tableText } from './report.ts';

/** A git repository with these files. */
const repository = (t: TestContext, files: Readonly<Record<string, string>>): string => {
  const root = tempDir(t);
  for (const [path, text] of Object.entries({ 'package.json': '{ "type": "module" }', ...files })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  execFileSync('git', ['init', '--quiet'], { cwd: root });
  return root;
};

const run = async (root: string, targets: readonly string[], options: Partial<MutationOptions> = {}): Promise<FileReport[]> =>
  mutate({ root, targets, testWords: [], sample: undefined, seed: 1, onProgress: () => undefined, ...options });

const header = "import assert from 'node:assert/strict';\nimport { test } from 'node:test';\n";
const limit = `export const isLong = (length: number): boolean => length > 0;
export const isWide = (width: number): boolean => width > 0;
export const isHigh = (height: number): boolean => height > 0;
`;
const limitTest = `${header}import { isLong, isWide } from './limit.ts';
test('long is more than 0', () => {
  assert.equal(isLong(0), false);
  assert.equal(isLong(1), true);
  isWide(0);
});
`;

test('a line that is checked on both sides of its limit scores full, one that is only executed nothing', async (t) => {
  const root = repository(t, { 'src/limit.ts': limit, 'src/limit.test.ts': limitTest });
  const [report, ...others] = await run(root, ['src/limit.ts']);
  assert.ok(report !== undefined && others.length === 0);
  const results = [1, 2, 3].map((line) => [...new Set(report.verdicts.filter((one) => one.line === line).map(({ result }) => result))]);
  assert.deepEqual(results, [['killed'], ['survived'], ['no coverage']]);
  assert.equal(scoreOf(report), 33);
  assert.equal(tableText([report]).at(-1), '| src/limit.ts | 9 | 9 | 3 | 0 | 3 | 3 | 33 % |');
  assert.equal(tableText([report, report]).at(-1), '| 2 files | 18 | 18 | 6 | 0 | 6 | 6 | 33 % |');
  const survivors = survivorsText(report);
  assert.equal(survivors.length, 6);
  assert.match(survivors[0] ?? '', /^survived src\/limit\.ts:2:57\n.*width > 0;\n {4}> {2}→ {2}>=$/);
});

test('a test of another folder counts only if a word names it', async (t) => {
  const other = limitTest.replace('./limit.ts', '../src/limit.ts').replace("'../src/limit.ts';", "'../src/limit.ts';\n");
  const weak = `${header}import './limit.ts';\ntest('nothing', () => assert.ok(true));\n`;
  const root = repository(t, { 'src/limit.ts': limit, 'src/limit.test.ts': weak, 'other/long.test.ts': other });
  const killed = async (testWords: readonly string[]) =>
    (await run(root, ['src'], { testWords }))[0]?.verdicts.filter(({ result }) => result === 'killed').length;
  assert.equal(await killed([]), 0);
  assert.equal(await killed(['other/']), 3);
});

test('the same seed draws the same sample, another seed another one', async (t) => {
  const root = repository(t, { 'src/limit.ts': limit, 'src/limit.test.ts': limitTest });
  const drawn = async (seed: number) =>
    (await run(root, ['src/limit.ts'], { sample: 3, seed }))[0]?.verdicts.map(({ start, replacement }) => [start, replacement]);
  const first = await drawn(7);
  assert.equal(first?.length, 3);
  assert.deepEqual(await drawn(7), first);
  assert.notDeepEqual(await drawn(8), first);
});

test('a mutant that never ends is a timeout, and no process of its test outlives it', async (t) => {
  const mark = `hayate-orphan-${process.pid}`;
  const loop = 'export const spin = (ready: boolean): void => { while (!ready); };';
  const loopTest = `${header}import { spawn } from 'node:child_process';
import { spin } from './loop.ts';
test('returns once it is ready', (t) => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', '${mark}'], { detached: true, stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  spin(true);
});
`;
  const root = repository(t, { 'src/loop.ts': loop, 'src/loop.test.ts': loopTest });
  const [report] = await run(root, ['src/loop.ts'], { extraMs: 500 });
  assert.deepEqual(
    report?.verdicts.map(({ replacement, result }) => [replacement, result]),
    [
      ['false', 'survived'],
      ['ready', 'timeout'],
    ],
  );
  assert.deepEqual(processesWith(mark), []);
});

test('a file whose tests fail without any change is refused, and says which test failed', async (t) => {
  const root = repository(t, { 'src/limit.ts': limit.replace('> 0', '> 1'), 'src/limit.test.ts': limitTest });
  await assert.rejects(run(root, ['src/limit.ts']), /limit\.test\.ts fails without any change:\n[\s\S]*not ok 1 - long is more than 0/);
});

test('a target that is no source file, or that has no tests, is refused', async (t) => {
  const root = repository(t, { 'src/limit.ts': limit, 'src/limit.test.ts': limitTest, 'bare/bare.ts': limit });
  for (const target of ['src/none.ts', 'src/limit.test.ts', 'README.md'])
    await assert.rejects(run(root, [target]), { message: `${target} is no source file of the repository, nor a folder of such files` });
  await assert.rejects(run(root, ['bare/bare.ts']), { message: 'bare/bare.ts has no test in its folder; name some by --tests WORD' });
});

test('wrong arguments are refused in one line', async (t) => {
  for (const [args, message] of [
    [['--sample', 'few', 'a.ts'], '--sample takes a whole number from 1 on'],
    [['--seed', '0', 'a.ts'], '--seed takes a whole number from 1 on'],
    [['--speed', '1'], "Unknown option '--speed'"],
    [[], 'name a file'],
  ] as const)
    assert.throws(
      () => readArguments(args),
      (error) => error instanceof MutationError && error.message.startsWith(message),
    );
  const { code, stderr } = await runProcess(t, ['test/mutation/mutate.ts']);
  assert.deepEqual([code, stderr[0]], [1, 'npm run mutate: name a file']);
});

test('an interrupted run leaves no files, no processes and no change of the repository', async (t) => {
  const folder = tempDir(t);
  const source = 'packages/server/src/listener/coalesce.ts';
  const before = readFileSync(join(root, source), 'utf8');
  const command = startProcess(t, ['test/mutation/mutate.ts', source], { env: { TMPDIR: folder } });
  await command.untilLine(/coalesce-schedule\.test\.ts$/);
  command.kill('SIGINT');
  assert.equal((await command.exit).code, 1);
  assert.deepEqual(readdirSync(folder), []);
  assert.deepEqual(processesWith(folder), []);
  assert.equal(readFileSync(join(root, source), 'utf8'), before);
});
