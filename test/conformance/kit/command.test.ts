// `hayate conformance` as people and CI run it: its output, its JUnit file, its exit code, and a
// client that is started by hand.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { poll } from '../../support/poll.ts';
import { root, runProcess, startProcess } from '../../support/process.ts';
import { requirePython } from '../../support/require-tool.ts';
import { tempDir } from '../../support/temp-dir.ts';

const hayate = 'packages/server/bin/hayate.mjs';
const driver = (side: string) => join(root, `test/conformance/kit/sdk-${side}.ts`);

test('prints every rule, writes JUnit XML with a testcase for each rule and scenario, and exits with 0', async (t) => {
  const junit = join(tempDir(t), 'junit.xml');
  const args = [
    'conformance',
    'watch',
    '--scenario',
    'duplicates,gaps',
    '--seed',
    '7',
    '--junit',
    junit,
    '--',
    process.execPath,
    driver('watch'),
  ];
  const { code, stdout, stderr } = await runProcess(t, [hayate, ...args]);
  assert.equal(code, 0, stderr.join('\n'));
  assert.ok(stdout.some((line) => /^V3 +passed in 2: a viewer must give each frame to the application once/.test(line)));
  assert.ok(stdout.some((line) => /^V9 +not played/.test(line)));
  assert.match(stdout.at(-1) ?? '', /^\d+ passed, 0 failed, 0 advised, 0 skipped; seed 7$/);
  const xml = readFileSync(junit, 'utf8');
  for (const [scenario, rule] of [
    ['duplicates', 'V3'],
    ['gaps', 'V5'],
    ['gaps', 'C5'],
  ])
    assert.match(xml, new RegExp(`<testcase classname="hayate.conformance.watch.${scenario}" name="${rule} [^"]+"/>`));
  assert.equal(xml.match(/<testsuite /g)?.length, 2);
});

test('the JUnit XML is well-formed, for any output of a client', async (t) => {
  const python = requirePython(t, 'google.protobuf');
  if (python === undefined) return;
  const junit = join(tempDir(t), 'junit.xml');
  const script = 'console.log("\\u0000<&\\"]]>\\ud800"); console.error("\\u001b[31m<oops>&"); process.exit(3)';
  const args = ['conformance', 'publish', '--scenario', 'begin-and-end', '--junit', junit, '--', process.execPath, '-e', script];
  const { code, stdout } = await runProcess(t, [hayate, ...args]);
  assert.equal(code, 1);
  assert.ok(stdout.some((line) => /^I1 +FAILED in 1 of 1/.test(line)));
  assert.ok(stdout.some((line) => line.includes('but the program ended with status 3')));
  assert.ok(stdout.every((line) => !line.includes('\u001b')));
  const count = 'import sys, xml.dom.minidom as d; print(len(d.parse(sys.argv[1]).getElementsByTagName("failure")))';
  const checked = await runProcess(t, ['-c', count, junit], { executable: python });
  assert.equal(checked.code, 0, checked.lines.join('\n'));
  assert.ok(Number(checked.stdout[0]) >= 2);
});

test('without a command the kit says where to connect, waits for a client, and leaves out rules that only a program can show', async (t) => {
  const kit = startProcess(t, [hayate, 'conformance', 'watch', '--scenario', 'not-live-first,return-within']);
  for (const name of ['not-live-first', 'return-within']) {
    await kit.untilLine(new RegExp(`^${name}: \\S`));
    const [server, stream, token] = await poll('an invitation', () => {
      const at = kit.stderr.findIndex((line) => line.startsWith(`${name}: `));
      const values = kit.stderr.slice(at + 1, at + 4).map((line) => line.trim().split(/\s+/)[1]);
      return values.length === 3 ? values : undefined;
    });
    const client = startProcess(t, [driver('watch')], { env: { HAYATE_SERVER: server, HAYATE_STREAM: stream, HAYATE_TOKEN: token } });
    assert.equal((await client.exit).code, 0);
    await kit.untilLine(new RegExp(`^${name}: passed`));
  }
  assert.equal((await kit.exit).code, 0);
  assert.ok(kit.stdout.some((line) => /^V9 +passed in 1/.test(line)));
  assert.ok(kit.stdout.some((line) => /^V3 +skipped/.test(line)));
});

test('arguments of the command may hold commas, and HAYATE variables of the environment do not reach it', async (t) => {
  const file = join(tempDir(t), 'seen.json');
  const script = `require('node:fs').writeFileSync(${JSON.stringify(file)}, JSON.stringify([process.argv.slice(1), Object.keys(process.env).filter((name) => name.startsWith('HAYATE_')).sort()]))`;
  const args = ['conformance', 'publish', '--scenario', 'begin-and-end', '--', process.execPath, '-e', script, 'a,b', '', '--c'];
  await runProcess(t, [hayate, ...args], { env: { HAYATE_TEST_SOMETHING: '1' } });
  assert.ok(existsSync(file));
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), [
    ['a,b', '', '--c'],
    ['HAYATE_FRAMES', 'HAYATE_SERVER', 'HAYATE_STREAM', 'HAYATE_TOKEN'],
  ]);
});

test('an interruption ends the kit and the programs that it has started', async (t) => {
  const file = join(tempDir(t), 'pid');
  const script = `require('node:fs').writeFileSync(${JSON.stringify(file)}, String(process.pid)); setInterval(() => {}, 1e6)`;
  const kit = startProcess(t, [hayate, 'conformance', 'watch', '--scenario', 'idle', '--', process.execPath, '-e', script]);
  const pid = await poll('the program', () => existsSync(file) && Number(readFileSync(file, 'utf8')));
  kit.kill('SIGTERM');
  assert.equal((await kit.exit).code, 143);
  assert.throws(() => process.kill(pid, 0), /ESRCH/);
});

for (const [what, args, message] of [
  [
    'an unknown scenario',
    ['--scenario', 'duplicate'],
    /there is no scenario "duplicate", did you mean duplicates\?|there is no scenario "duplicate"/,
  ],
  ['a missing program', ['--scenario', 'duplicates', '--', '/no/such/program'], /\/no\/such\/program cannot be started/],
  ['a seed that is not a number', ['--seed', 'x'], /--seed must be a whole number/],
] as const)
  test(`${what} is one clear line and exit code 2`, async (t) => {
    const { code, stderr } = await runProcess(t, [hayate, 'conformance', 'watch', ...args]);
    assert.equal(code, 2);
    assert.match(stderr.at(-1) ?? '', message);
  });
