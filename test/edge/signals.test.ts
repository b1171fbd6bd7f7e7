// The effect of signals on a server, as supervisors, terminals and people send them: real
// processes, real signals, a real terminal.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { CloseCodes, PATHS } from '@hayate/protocol';
import { cleanUp } from '../support/clean-up.ts';
import { startHayate } from '../support/hayate.ts';
import { poll } from '../support/poll.ts';
import { root, startProcess } from '../support/process.ts';
import { requireTool } from '../support/require-tool.ts';
import { tempDir } from '../support/temp-dir.ts';
import { connectPeer } from '../support/wire-peer.ts';

const serve = (t: TestContext) => ['serve', '--port', '0', '--roles', 'streamer,listener,api', '--data', join(tempDir(t), 'data')];
const LISTENING = /^listening on (\S+)$/;
const livez = async (url: string) => (await fetch(`${url}/livez`)).status;

test('a server without a terminal continues after SIGHUP and SIGUSR1, and drains after SIGQUIT', async (t) => {
  const program = startHayate(t, serve(t));
  const [, url = ''] = await program.untilLine(LISTENING);
  const viewer = await connectPeer(t, url, PATHS.watch);
  program.kill('SIGUSR1');
  program.kill('SIGHUP');
  await program.untilLine(/rereading files/);
  assert.equal(await livez(url), 200);
  assert.equal(viewer.closedWith(), undefined);
  assert.doesNotMatch(program.lines.join('\n'), /[Dd]ebugger/);
  program.kill('SIGQUIT');
  assert.equal((await viewer.closed()).code, CloseCodes.GOING_AWAY.code);
  assert.deepEqual(await program.exit, { code: 0, signal: null });
  assert.match(program.stdout.join('\n'), /draining\nstopped/);
});

/**
 * Runs its arguments as the leader of a session with its own terminal, ends the terminal when its
 * input ends, and then prints how the program ended.
 */
const TERMINAL = `
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
text = b''
while b'listening on' not in text or not text.endswith(b'\\n'):
    text += os.read(terminal, 4096)
print(text.decode().replace('\\r', ''), flush=True)
sys.stdin.read()
os.close(terminal)
_, status = os.waitpid(pid, 0)
print('code', os.waitstatus_to_exitcode(status), flush=True)
`;

test('a server drains when its terminal closes', async (t) => {
  const python = requireTool(t, 'python3');
  if (python === undefined) return;
  const program = [process.execPath, 'packages/server/bin/hayate.mjs', ...serve(t)];
  const terminal = startProcess(t, ['-c', TERMINAL, ...program], { executable: python });
  const [, url = ''] = await terminal.untilLine(LISTENING);
  const viewer = await connectPeer(t, url, PATHS.watch);
  terminal.stdin.end();
  assert.equal((await viewer.closed()).code, CloseCodes.GOING_AWAY.code);
  assert.equal((await terminal.untilLine(/^code (-?\d+)$/))[1], '0');
});

test('a server whose output has no reader continues, and drains when it is told to', async (t) => {
  const child = spawn(process.execPath, ['packages/server/bin/hayate.mjs', ...serve(t)], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  cleanUp(t, async () => {
    if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit');
  });
  let url = '';
  createInterface({ input: child.stdout }).on('line', (line) => {
    url ||= LISTENING.exec(line)?.[1] ?? '';
  });
  await poll('the server to listen', () => url !== '');
  child.stdout.destroy();
  child.stderr.destroy();
  // A bad request is logged; each log line is one more write to a pipe without a reader.
  for (const _ of [1, 2, 3]) assert.equal((await fetch(`${url}${PATHS.watch}`)).status, 426);
  const viewer = await connectPeer(t, url, PATHS.watch);
  child.kill('SIGTERM');
  assert.equal((await viewer.closed()).code, CloseCodes.GOING_AWAY.code);
  const code = child.exitCode ?? ((await once(child, 'exit')) as [number | null])[0];
  assert.equal(code, 0);
});
