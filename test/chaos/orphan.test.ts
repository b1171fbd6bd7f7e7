// A program that starts a server for a user must not leave it behind. `npm start` and similar
// scripts are killed outright, alone and with their group, fail, or lose the reader of their
// output. Afterwards none of their processes may run, and the log's lock must be free.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { lockDirectory } from '../../packages/server/src/log/file/directory-lock.ts';
import { ensurePages } from '../../scripts/pages.mjs';
import { cleanUp } from '../support/clean-up.ts';
import { runHayate, startHayate } from '../support/hayate.ts';
import { poll } from '../support/poll.ts';
import { root, startProcess, type TestProcess } from '../support/process.ts';
import { descendantsOf, processesWith, stillRunning } from '../support/process-table.ts';
import { requireTool } from '../support/require-tool.ts';
import { tempDir } from '../support/temp-dir.ts';

const WAIT = { timeoutMs: 120_000, pauseMsMax: 500 };
const bin = 'packages/server/bin/hayate.mjs';

/**
 * A folder for --data. Processes that still have it in their command line at the end of the test
 * are killed, and fail the test.
 */
function ownFolder(t: TestContext): string {
  const data = join(tempDir(t), 'data');
  cleanUp(t, () => {
    const left = processesWith(data);
    for (const { pid } of left) process.kill(pid, 'SIGKILL');
    assert.deepEqual(left, [], 'left behind');
  });
  return data;
}

/**
 * Waits until no process has `data` in its command line or calls `url`, and until another process
 * could lock the log.
 */
async function untilNothingIsLeft(data: string, url?: string): Promise<void> {
  await poll(
    'the end of every process',
    () => [data, ...(url === undefined ? [] : [url])].every((text) => processesWith(text).length === 0),
    WAIT,
  );
  mkdirSync(join(data, 'log'), { recursive: true });
  (await lockDirectory(join(data, 'log'))).release();
  if (url !== undefined) await assert.rejects(fetch(url), 'nothing listens');
}

/** Waits until the script has printed the server's address and its processes run. */
async function untilItRuns(started: TestProcess): Promise<string> {
  const [, url = ''] = await started.untilLine(/Hayate runs on\s+(http\S+)/, WAIT);
  await poll('the demo', () => processesWith(`--server ${url}`).length > 0, WAIT);
  return url;
}

const startArgs = (data: string) => ['scripts/start.mjs', '--port', '0', '--data', data];

test('killing npm start, alone or with its whole group, ends server and demo', async (t) => {
  await ensurePages(process.execPath);
  await Promise.all(
    ['alone', 'group'].map(async (which) => {
      const data = ownFolder(t);
      const started = startProcess(t, startArgs(data));
      const url = await untilItRuns(started);
      process.kill(which === 'alone' ? started.pid : -started.pid, 'SIGKILL');
      await untilNothingIsLeft(data, url);
    }),
  );
});

test('killing npm, which holds no lifeline for its script, ends all processes', async (t) => {
  await ensurePages(process.execPath);
  await Promise.all(
    [
      ['npm', 'start', '--'],
      ['npm', 'run', 'hayate', '--', 'serve'],
    ].map(async ([executable = '', ...args]) => {
      const data = ownFolder(t);
      const npm = startProcess(t, [...args, '--port', '0', '--data', data], { executable });
      const [, url = ''] = await npm.untilLine(/(?:Hayate runs on\s+|^listening on )(http\S+)/, WAIT);
      npm.kill('SIGKILL');
      await untilNothingIsLeft(data, url);
    }),
  );
});

test('npm start drains the server and ends when its output is closed', async (t) => {
  await ensurePages(process.execPath);
  await Promise.all(
    ['| head -1', '2>&1 | head -1'].map(async (pipe) => {
      const data = ownFolder(t);
      const command = `"$0" ${startArgs('"$1"').join(' ')} ${pipe}`;
      const shell = startProcess(t, ['-c', command, process.execPath, data], { executable: 'sh' });
      assert.equal((await shell.exit).code, 0);
      await untilNothingIsLeft(data);
    }),
  );
});

test('npm start fails when the server is not ready in time, and ends it', async (t) => {
  await ensurePages(process.execPath);
  const data = ownFolder(t);
  const shards = ['--shards', 'redis://127.0.0.1:1', '--ready-timeout-ms', '1500'];
  const started = startProcess(t, [...startArgs(data), '--roles', 'listener,api,archiver,streamer', ...shards]);
  assert.deepEqual(await started.exit, { code: 1, signal: null });
  assert.match(started.stderr.join('\n'), /npm start: the server was not ready after 1\.5 s/);
  await untilNothingIsLeft(data);
  const refused = startProcess(t, [...startArgs(data), '--ready-timeout-ms', 'soon']);
  assert.equal((await refused.exit).code, 1);
  assert.match(refused.stderr.join('\n'), /--ready-timeout-ms must be a whole number of at least 1, not "soon"/);
});

test('npm start becomes ready at an address that its certificate does not name, and treats empty variables as unset', async (t) => {
  await ensurePages(process.execPath);
  const openssl = requireTool(t, 'openssl');
  if (openssl === undefined) return;
  const data = ownFolder(t);
  const folder = tempDir(t);
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const made = startProcess(t, `req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=live.example -keyout ${key} -out ${cert}`.split(' '), {
    executable: openssl,
  });
  assert.equal((await made.exit).code, 0);
  const tls = ['--tls-cert', cert, '--tls-key', key, '--no-demo'];
  const started = startProcess(t, [...startArgs(data), '--host', '0:0:0:0:0:0:0:1', ...tls], {
    env: { HAYATE_LOG_LEVEL: '', HAYATE_DATA: '' },
  });
  await started.untilLine(/Hayate runs on\s+https:/, WAIT);
  started.interrupt();
  assert.deepEqual(await started.exit, { code: 0, signal: null }, started.lines.join('\n'));
  assert.match(started.stdout.join('\n'), /The archive is in /);
  await untilNothingIsLeft(data);
});

test('a server on its own outlives its standard input and its readers, and drains when it is told to', async (t) => {
  const data = ownFolder(t);
  const shell = startProcess(t, ['-c', `"$0" ${bin} serve --port 0 --data "$1" </dev/null | head -1`, process.execPath, data], {
    executable: 'sh',
  });
  await shell.untilLine(/DEVELOPMENT MODE/, WAIT);
  const [server] = await poll('the server', () => {
    const found = descendantsOf(shell.pid).filter(({ command }) => command.includes('hayate.mjs serve'));
    return found.length === 1 && found;
  });
  assert.ok(server);
  process.kill(server.pid, 'SIGTERM');
  await untilNothingIsLeft(data);
});

test('hayate ends with the program that started it with a lifeline; a channel alone, or a lifeline without one, has no effect', async (t) => {
  const data = ownFolder(t);
  const serve = [bin, 'serve', '--port', '0', '--log-level', 'silent', '--data'];
  const open = (folder: string, lifeline: string | undefined) => {
    const env = { ...process.env, ...(lifeline === undefined ? {} : { HAYATE_LIFELINE: lifeline }) };
    const child = spawn(process.execPath, [...serve, folder], { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
    let said = '';
    child.stdout?.on('data', (chunk) => (said += chunk));
    const exit = once(child, 'exit');
    cleanUp(t, async () => {
      child.kill('SIGKILL');
      await exit;
    });
    return { child, exit, said: () => said };
  };
  const [held, free] = [open(join(data, 'held'), 'channel'), open(join(data, 'free'), undefined)];
  for (const { said } of [held, free]) await poll('a server', () => said().includes('listening on'), WAIT);
  free.child.disconnect();
  held.child.disconnect();
  assert.deepEqual(await held.exit, [0, null], 'it drains and exits with 0');
  await poll('the last line of the server', () => /draining\nstopped; the archive is in /.test(held.said()));
  assert.equal((await fetch(/http\S+/.exec(free.said())?.[0] ?? '')).ok, true, 'the other still serves');
  free.child.kill('SIGTERM');
  assert.deepEqual(await free.exit, [0, null]);
  const refused = await runHayate(t, ['--version'], { HAYATE_LIFELINE: 'channel' });
  assert.equal(refused.code, 2);
  assert.match(refused.stderr.join('\n'), /HAYATE_LIFELINE is only for programs that start this one with an IPC channel/);
});

test('workers end with a primary that is killed, and the port is free for the next', async (t) => {
  const data = ownFolder(t);
  const serve = ['serve', '--roles', 'api', '--workers', '2', '--log-level', 'info', '--data', data, '--port'];
  const primary = startHayate(t, [...serve, '0']);
  const [, url = ''] = await primary.untilLine(/^listening on (http\S+)/, WAIT);
  const workers = descendantsOf(primary.pid);
  assert.equal(workers.filter(({ command }) => command.includes('worker-main')).length, 2);
  process.kill(primary.pid, 'SIGKILL');
  await poll('the end of the workers', () => stillRunning(workers).length === 0, WAIT);
  const next = startHayate(t, [...serve, new URL(url).port]);
  await next.untilLine(/^listening on http/, WAIT);
  next.kill('SIGTERM');
  assert.deepEqual(await next.exit, { code: 0, signal: null });
});

test('killing the scale-out demonstration ends its servers, its viewers and its Redis', async (t) => {
  const redis = requireTool(t, 'redis-server');
  if (redis === undefined) return;
  await ensurePages(process.execPath);
  const demo = startProcess(t, ['demo/scale/main.ts', '--redis-server', redis, '--viewers', '5', '--port', '0'], {
    // It cannot remove its temporary folder when it is killed.
    env: { TMPDIR: tempDir(t) },
  });
  await demo.untilLine(/Pull the plug at\s+(http\S+)/, WAIT);
  const children = descendantsOf(demo.pid);
  assert.ok(children.filter(({ command }) => command.includes('redis-server')).length >= 3, JSON.stringify(children));
  assert.ok(children.some(({ command }) => command.includes('audience.ts')));
  cleanUp(t, () => {
    for (const { pid } of stillRunning(children)) process.kill(pid, 'SIGKILL');
  });
  process.kill(demo.pid, 'SIGKILL');
  await poll('the end of all processes', () => stillRunning(children).length === 0, WAIT);
});
