// Tests the helpers that the other tests rely on: waiting, temporary folders, and child processes
// that never outlive their test.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { cleanUp } from './clean-up.ts';
import { poll } from './poll.ts';
import { runProcess, startProcess, type TestProcess } from './process.ts';
import { requirePython, requireTool } from './require-tool.ts';
import { tempDir } from './temp-dir.ts';

test('polls until the condition gives a value and returns it', async () => {
  let calls = 0;
  assert.equal(await poll('the third call', () => (++calls === 3 ? 'there' : undefined)), 'there');
  assert.equal(calls, 3);
});

test('gives up with what was awaited and what the condition threw last', async () => {
  const attempt = poll(
    'the impossible',
    () => {
      throw new Error('refused');
    },
    { timeoutMs: 5 },
  );
  await assert.rejects(
    attempt,
    (error: Error) => /waiting for the impossible/.test(error.message) && String(error.cause) === 'Error: refused',
  );
});

test('cleans up in reverse order, and removes a temporary folder with its test', async (t) => {
  const order: number[] = [];
  let folder = '';
  await t.test('opens things', (inner: TestContext) => {
    folder = tempDir(inner);
    assert.ok(existsSync(folder));
    cleanUp(inner, () => void order.push(1));
    cleanUp(inner, () => void order.push(2));
  });
  assert.deepEqual(order, [2, 1]);
  assert.equal(existsSync(folder), false);
});

test('collects lines of a child, finds one, and reports its exit', async (t) => {
  const script = 'console.log("listening on port 12"); console.error("loud"); process.stdin.once("data", () => process.exit(3))';
  const child = startProcess(t, ['-e', script]);
  assert.equal((await child.untilLine(/port (\d+)/))[1], '12');
  await child.untilLine(/loud/);
  child.stdin.write('go');
  assert.deepEqual(await child.exit, { code: 3, signal: null });
  assert.deepEqual([child.stdout, child.stderr], [['listening on port 12'], ['loud']]);
  await assert.rejects(child.untilLine(/never/), /ended before a line matched/);
});

test('kills a child and what that child started when the test ends', async (t) => {
  let family: TestProcess | undefined;
  await t.test('starts a family', async (inner: TestContext) => {
    // The grandchild holds the same output pipe. `exit` waits for the end of the pipe, so it shows
    // that both are gone.
    const grandchild = 'console.log("grandchild"); setInterval(() => {}, 1000)';
    const script = `require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(grandchild)}], { stdio: "inherit" }); setInterval(() => {}, 1000)`;
    family = startProcess(inner, ['-e', script]);
    await family.untilLine(/grandchild/);
  });
  assert.deepEqual(await family?.exit, { code: null, signal: 'SIGKILL' });
});

test('runs a process to its end', async (t) => {
  const result = await runProcess(t, ['-p', '6 * 7']);
  assert.deepEqual([result.code, result.stdout], [0, ['42']]);
});

test('refuses a tool that the shared list does not name', (t) => {
  assert.throws(() => requireTool(t, 'no-such-tool'), /not listed/);
  assert.throws(() => requirePython(t, 'no_such_module'), /not listed/);
});

test('finds a listed tool by its absolute path', (t) => {
  const git = requireTool(t, 'git');
  if (git !== undefined) assert.match(git, /^\/.*git$/);
});
