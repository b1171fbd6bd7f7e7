// Ctrl-C at every stage of a command. The exit code is 130 (143 for SIGTERM) whatever the command
// waits for; it leaves no unfinished file, and no broadcast without content.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, mkdirSync, openSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { cleanUp } from '../support/clean-up.ts';
import { demoClip, runHayate, startHayate, startHayateServer } from '../support/hayate.ts';
import { startHoldingProxy } from '../support/holding-proxy.ts';
import { poll } from '../support/poll.ts';
import { type Exit, root, runProcess, type TestProcess } from '../support/process.ts';
import { requireTool } from '../support/require-tool.ts';
import { tempDir } from '../support/temp-dir.ts';

const CODES = { SIGINT: 130, SIGTERM: 143 } as const;
type StopSignal = keyof typeof CODES;

/** A server that accepts and never answers. */
async function startSilent(t: TestContext): Promise<{ url: string; connections: () => number }> {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => sockets.push(socket.on('error', () => undefined)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUp(t, async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return { url: `http://127.0.0.1:${address.port}`, connections: () => sockets.length };
}

function clipIn(folder: string): string {
  const path = join(folder, 'clip.ogg');
  writeFileSync(path, demoClip(1).bytes);
  return path;
}

/** Asserts that a process ended by `signal`, as a shell sees it, and printed no stack trace. */
function assertInterrupted(exit: Exit, signal: StopSignal, { lines }: TestProcess): void {
  const code = exit.signal === signal ? CODES[signal] : exit.code;
  assert.equal(code, CODES[signal], lines.join('\n'));
  for (const line of lines) assert.doesNotMatch(line, /^\s+at |internal error/);
}

test('a first signal ends a command that waits for a server or a store', async (t) => {
  const folder = tempDir(t);
  const clip = clipIn(folder);
  const bucket = (url: string) => ['--store', 's3://bucket/x', '--store-endpoint', url, '--data', join(folder, 'data')];
  const env = { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x' };
  const cases: [StopSignal, (url: string) => string[]][] = [
    ['SIGINT', (url: string) => ['watch', 'x', '--out', join(folder, 'x.ogg'), '--server', url]],
    ['SIGTERM', (url: string) => ['broadcast', clip, '--stream', 'x', '--server', url]],
    ['SIGINT', (url: string) => ['broadcast', clip, '--stream', 'x', '--server', url, '--token', 'x.y.z']],
    ['SIGINT', (url: string) => ['archive', 'ls', ...bucket(url)]],
    ['SIGTERM', (url: string) => ['archive', 'export', 'x', '--out', join(folder, 'y.ogg'), ...bucket(url)]],
    ['SIGINT', (url: string) => ['query', 'select 1', ...bucket(url)]],
    ['SIGTERM', (url: string) => ['serve', '--port', '0', '--log-level', 'silent', ...bucket(url)]],
  ];
  const stop = async ([signal, command]: (typeof cases)[number]) => {
    const silent = await startSilent(t);
    const args = command(silent.url);
    const process = startHayate(t, args, env);
    await poll(`a connection of ${args.join(' ')}`, () => silent.connections() > 0, { timeoutMs: 60_000 });
    process.kill(signal);
    assertInterrupted(await process.exit, signal, process);
  };
  await Promise.all(cases.map(stop));
  assert.deepEqual(
    readdirSync(folder)
      .filter((name) => name !== 'data')
      .sort(),
    ['clip.ogg'],
  );
});

test('a broadcast interrupted before it sent anything leaves no broadcast', async (t) => {
  const folder = tempDir(t);
  const data = join(folder, 'data');
  const server = await startHayateServer(t, { data });
  const proxy = await startHoldingProxy(t, server.port);
  const broadcast = startHayate(t, ['broadcast', clipIn(folder), '--stream', 'never', '--server', `http://127.0.0.1:${proxy.port}`]);
  await poll("the server's answer, which the client does not get", () => proxy.heldBytes() > 0, { timeoutMs: 60_000 });
  broadcast.kill('SIGINT');
  assertInterrupted(await broadcast.exit, 'SIGINT', broadcast);
  await poll('the connection to be gone', async () => (await server.metric('hayate_connections', 'publish')) === 0);
  server.process.kill('SIGTERM');
  assert.deepEqual(await server.process.exit, { code: 0, signal: null });
  const listed = await runHayate(t, ['archive', 'ls', '--json', '--data', data]);
  assert.deepEqual([listed.code, listed.stdout], [0, []]);
  const found = await runHayate(t, ['archive', 'erase', 'never', '--dry-run', '--data', data]);
  assert.match(found.stderr.join('\n'), /the archive has no such broadcast of never/);
});

test('a broadcast interrupted as soon as it has begun has a voice', async (t) => {
  const folder = tempDir(t);
  const data = join(folder, 'data');
  const server = await startHayateServer(t, { data });
  const broadcast = startHayate(t, ['broadcast', clipIn(folder), '--stream', 'short', '--loop', '--server', server.url]);
  await broadcast.untilLine(/^broadcasting /, { timeoutMs: 60_000 });
  broadcast.kill('SIGTERM');
  assert.deepEqual(await broadcast.exit, { code: 0, signal: null }, broadcast.lines.join('\n'));
  assert.match(broadcast.stderr.at(-1) ?? '', /^ended: [1-9]\d* audio .* everything acknowledged/);
  server.process.kill('SIGTERM');
  assert.deepEqual(await server.process.exit, { code: 0, signal: null });
  const listed = await runHayate(t, ['archive', 'ls', '--json', '--data', data]);
  assert.equal(listed.stdout.length, 1);
});

test('a first signal ends a command whose thread hangs in a system call, and the compiler that it started', async (t) => {
  const folder = tempDir(t);
  const pipe = join(folder, 'pipe.ogg');
  execFileSync('mkfifo', [pipe]);
  const broadcast = startHayate(t, ['broadcast', pipe, '--stream', 'x']);
  const writer = await poll('a reader of the pipe', () => openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK), { timeoutMs: 60_000 });
  broadcast.kill('SIGINT');
  assertInterrupted(await broadcast.exit, 'SIGINT', broadcast);
  closeSync(writer);

  const output = join(folder, 'native');
  const started = join(folder, 'started');
  const cc = join(folder, 'cc');
  writeFileSync(cc, `#!/bin/sh\necho $$ > ${started}\nexec sleep 1000\n`, { mode: 0o755 });
  const build = startHayate(t, ['build-native', '--cc', cc, '--output', output]);
  await poll('the compiler', () => existsSync(started), { timeoutMs: 60_000 });
  build.kill('SIGTERM');
  assertInterrupted(await build.exit, 'SIGTERM', build);
  assert.deepEqual(readdirSync(output), []);
});

test('Ctrl-C at a terminal ends a command that asks for a token or for a confirmation', async (t) => {
  const python = requireTool(t, 'python3');
  if (python === undefined) return;
  const data = join(tempDir(t), 'data');
  mkdirSync(join(data, 'archive'), { recursive: true });
  const program = `import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
said = b''
while sys.argv[1].encode() not in said:
    said += os.read(terminal, 1024)
os.write(terminal, b'\\x03')
try:
    while os.read(terminal, 1024): pass
except OSError:
    pass
status = os.waitpid(pid, 0)[1]
print(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))`;
  const cli = [process.execPath, join(root, 'packages/server/bin/hayate.mjs')];
  for (const [prompt, ...args] of [
    ['Ctrl-D', 'watch', 'x', '--out', '/dev/null', '--token-file', '-'],
    ['Ctrl-D', 'token', '--publish', 'x', '--jwt-secret-file', '-'],
  ] as const) {
    const { stdout, lines } = await runProcess(t, ['-c', program, prompt, ...cli, ...args], { executable: python });
    assert.deepEqual(stdout, ['130'], lines.join('\n'));
  }
});

test('a second signal ends at once a command that finishes its work after the first', async (t) => {
  const folder = tempDir(t);
  const server = await startHayateServer(t, { data: join(folder, 'data') });
  const broadcast = startHayate(t, ['broadcast', clipIn(folder), '--stream', 'stuck', '--loop', '--server', server.url]);
  await broadcast.untilLine(/^broadcasting /, { timeoutMs: 60_000 });
  // The stopped server acknowledges nothing, so the broadcast waits.
  server.process.kill('SIGSTOP');
  broadcast.kill('SIGINT');
  let exit: Exit | undefined;
  void broadcast.exit.then((value) => {
    exit = value;
  });
  await poll('the end after more signals', () => {
    if (exit === undefined) broadcast.kill('SIGINT');
    return exit !== undefined;
  });
  server.process.kill('SIGCONT');
  assertInterrupted(exit ?? assert.fail(), 'SIGINT', broadcast);
});
