// The program `hayate` as users see it: help, errors of one line, and a voice that goes from a file
// through a real server to a file.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { jwtVerify } from 'jose';
import { readOggOpus } from '../../packages/server/src/format/ogg/index.ts';
import { demoClip, runHayate, startHayate, startHayateServer } from '../support/hayate.ts';
import { poll } from '../support/poll.ts';
import { tempDir } from '../support/temp-dir.ts';

const commands = [
  'serve',
  'broadcast',
  'watch',
  'token',
  'build-native',
  'archive ls',
  'archive export',
  'archive erase',
  'archive verify',
  'query',
];

/** An address at which nothing listens. */
async function deadAddress(): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const server = createServer().listen(0, '127.0.0.1', () => {
    const address = server.address();
    resolve(typeof address === 'object' && address !== null ? address.port : 0);
  });
  const port = await promise;
  server.close();
  return `http://127.0.0.1:${port}`;
}

function writeClip(t: TestContext, seconds: number): { path: string; packets: readonly { data: Uint8Array }[] } {
  const { bytes, packets } = demoClip(seconds);
  const path = join(tempDir(t), 'clip.ogg');
  writeFileSync(path, bytes);
  return { path, packets };
}

interface AckLine {
  epoch: string;
  nextSequence: number;
  dropped: [number, number][];
}

function ackLines(path: string): AckLine[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as AckLine);
}

function packetsOf(path: string): Buffer[] {
  return readOggOpus(readFileSync(path)).flatMap((link) => link.packets.map(({ data }) => Buffer.from(data)));
}

test('hayate and each of its commands print help on stdout', async (t) => {
  const program = await runHayate(t, ['--help']);
  assert.equal(program.code, 0);
  for (const command of commands) {
    assert.ok(
      program.stdout.some((line) => line.startsWith(`  ${command} `)),
      command,
    );
    const help = await runHayate(t, [...command.split(' '), '--help']);
    assert.equal(help.code, 0, help.lines.join('\n'));
    assert.deepEqual(help.stderr, []);
    assert.ok(
      help.stdout.some((line) => line.startsWith(`Usage: hayate ${command} `)),
      command,
    );
    assert.ok(help.stdout.every((line) => line.length <= 110));
  }
  const version = await runHayate(t, ['--version']);
  assert.match(version.stdout.join('\n'), /^\d+\.\d+\.\d+$/);
});

test('an error is one clear line on stderr and a code that is not 0', async (t) => {
  const folder = tempDir(t);
  const text = join(folder, 'a.txt');
  const ogg = join(folder, 'torn.ogg');
  writeFileSync(text, 'hello');
  writeFileSync(ogg, demoClip(1).bytes.subarray(0, 2_000));
  const clip = writeClip(t, 1).path;
  const dead = await deadAddress();
  const cases: [args: string[], code: number, line: RegExp, env?: Record<string, string>][] = [
    [['brodcast'], 2, /^hayate: there is no command "brodcast"; did you mean broadcast\? /],
    [['archive'], 2, /^hayate: archive needs a subcommand: hayate archive ls, hayate archive /],
    [['broadcast'], 2, /^hayate broadcast: FILE is missing /],
    [['broadcast', clip], 2, /^hayate broadcast: --stream is missing /],
    [['broadcast', clip, '--stream', '../x'], 2, /^hayate broadcast: "\.\.\/x" is not a stream name/],
    [['broadcast', clip, '--stream', 'x', '--titel', 'y'], 2, /^hayate broadcast: unknown option --titel; did you mean --title\? /],
    [
      ['broadcast', clip, '--stream', 'x'],
      2,
      /^hayate broadcast: unknown variable HAYATE_SERVR; did you mean HAYATE_SERVER\? /,
      { HAYATE_SERVR: 'y' },
    ],
    [['broadcast', clip, '--stream', 'x', '--server', 'ftp://localhost'], 2, /^hayate broadcast: --server must be an address such as /],
    [['broadcast', join(folder, 'no.ogg'), '--stream', 'x'], 1, /^hayate broadcast: .*no\.ogg: no such file or directory$/],
    [['broadcast', text, '--stream', 'x'], 1, /^hayate broadcast: .*a\.txt is a text file, neither Ogg\/Opus nor WAV$/],
    [['broadcast', ogg, '--stream', 'x'], 1, /^hayate broadcast: .*torn\.ogg cannot be sent: it holds no readable sound$/],
    [['broadcast', clip, '--stream', 'x', '--server', dead], 1, /^hayate broadcast: no Hayate server at .* \(connection refused\)$/],
    [
      ['watch', 'x', '--out', join(folder, 'x.ogg'), '--server', dead, '--token', 'y'],
      1,
      /^hayate watch: no Hayate server at .* \(connection refused\)$/,
    ],
    [
      ['token', '--watch', '*', '--data', folder],
      2,
      /^hayate token: give the key with --jwt-secret-file, or give --data: there is no development secret in /,
    ],
    [
      ['token', '--watch', 'a/b', '--jwt-secret', 'hunter2'],
      2,
      /^hayate token: "a\/b" is neither a stream name nor a prefix followed by \* /,
    ],
    [['token', '--watch', '*', '--jwt-secret', 'hunter2'], 2, /^hayate token: the secret must have at least 32 bytes /],
    [['token'], 2, /^hayate token: give at least one right: /],
    [['serve', '--port', '99999'], 2, /^hayate serve: --port must be a whole number from 0 to 65535, not "99999" /],
    [['archive', 'ls', '--data', join(folder, 'none')], 1, /^hayate archive ls: there is no archive in /],
  ];
  for (const [args, code, line, env = {}] of cases) {
    const result = await runHayate(t, args, env);
    assert.equal(result.code, code, `${args.join(' ')}: ${result.lines.join('\n')}`);
    assert.deepEqual(result.stdout, []);
    assert.equal(result.stderr.length, 1, result.stderr.join('\n'));
    assert.match(result.stderr[0] ?? '', line);
    assert.ok(!result.lines.join().includes('hunter2'), 'a secret is never printed');
  }
});

test('a token holds the requested grants, as read by another library', async (t) => {
  const path = join(tempDir(t), 'key');
  const secret = 'a secret of at least thirty-two bytes';
  writeFileSync(path, `${secret}\n`);
  const args = ['--publish', 'a,b*', '--watch', '*', '--subject', 'aki', '--label', 'team=red', '--ttl', '2h', '--jwt-secret-file', path];
  const { code, stdout, stderr } = await runHayate(t, ['token', ...args]);
  assert.deepEqual([code, stdout.length, stderr.length], [0, 1, 0]);
  const { payload, protectedHeader } = await jwtVerify(stdout[0] ?? '', Buffer.from(secret), { audience: 'hayate' });
  assert.equal(protectedHeader.alg, 'HS256');
  assert.deepEqual(payload.grants, { publish: ['a', 'b*'], watch: ['*'] });
  assert.deepEqual([payload.sub, payload.labels], ['aki', { team: 'red' }]);
  assert.equal((payload.exp ?? 0) - (payload.iat ?? 0), 7_200);
});

test('a broadcast file, its recording and its archive hold the same packets, with tokens signed by `hayate token`', async (t) => {
  const folder = tempDir(t);
  const server = await startHayateServer(t, { data: join(folder, 'data') });
  const clip = writeClip(t, 3);
  const [publisher, viewer] = await Promise.all(
    ['--publish', '--watch'].map((right) => runHayate(t, ['token', right, 'round-trip', '--data', join(folder, 'data')])),
  );
  const out = join(folder, 'out.ogg');
  const ackLog = join(folder, 'ack.jsonl');
  const watch = startHayate(t, ['watch', 'round-trip', '--out', out, '--server', server.url], { HAYATE_TOKEN: viewer?.stdout[0] ?? '' });
  await watch.untilLine(/^waiting for "round-trip" to go live$/);
  const broadcast = await runHayate(t, ['broadcast', clip.path, '--stream', 'round-trip', '--server', server.url, '--ack-log', ackLog], {
    HAYATE_TOKEN: publisher?.stdout[0] ?? '',
  });
  assert.equal(broadcast.code, 0, broadcast.lines.join('\n'));
  const [, audio = '', motion = ''] =
    /ended: (\d+) audio and (\d+) motion frames, everything acknowledged$/.exec(broadcast.stderr.at(-1) ?? '') ?? [];
  assert.equal(Number(audio), clip.packets.length);
  assert.ok(Number(motion) >= 85, `${motion} poses in 3 s`);
  assert.deepEqual(await watch.exit, { code: 0, signal: null });
  assert.deepEqual(
    packetsOf(out),
    clip.packets.map(({ data }) => Buffer.from(data)),
  );
  const lines = ackLines(ackLog);
  assert.equal(new Set(lines.map(({ epoch }) => epoch)).size, 1);
  assert.ok(lines.every(({ nextSequence, dropped }, i) => nextSequence > (lines[i - 1]?.nextSequence ?? 0) && dropped.length === 0));
  assert.ok((lines.at(-1)?.nextSequence ?? 0) > Number(audio) + Number(motion), 'headers count too');

  server.process.kill('SIGINT');
  assert.deepEqual(await server.process.exit, { code: 0, signal: null }, server.process.lines.join('\n'));
  const data = join(folder, 'data');
  const table = await runHayate(t, ['archive', 'ls', '--data', data]);
  assert.deepEqual([table.code, table.stderr, table.stdout.length], [0, [], 2]);
  const json = await runHayate(t, ['archive', 'ls', 'round-trip', '--json', '--data', data]);
  assert.deepEqual([json.code, json.stdout.length], [0, 1]);
  const archived = JSON.parse(json.stdout[0] ?? '') as { epoch: string; title: string; durationMs: number; path: string };
  assert.deepEqual([archived.epoch, archived.title], [lines[0]?.epoch, 'A clip']);
  assert.equal(archived.durationMs, Math.round((clip.packets.length * 960 - 312) / 48));
  assert.deepEqual(
    readdirSync(archived.path)
      .sort()
      .flatMap((name) => packetsOf(join(archived.path, name))),
    clip.packets.map(({ data }) => Buffer.from(data)),
  );
  assert.deepEqual((await runHayate(t, ['archive', 'ls', 'nobody', '--json', '--data', data])).stdout, []);
});

test('an interrupted broadcast ends with all frames acknowledged, and an interrupted recording is complete', async (t) => {
  const folder = tempDir(t);
  const server = await startHayateServer(t, { data: join(folder, 'data') });
  const clip = writeClip(t, 1);
  const out = join(folder, 'out.ogg');
  const ackLog = join(folder, 'ack.jsonl');
  const broadcast = startHayate(t, ['broadcast', clip.path, '--stream', 'loop', '--loop', '--server', server.url, '--ack-log', ackLog]);
  const watch = startHayate(t, ['watch', 'loop', '--out', out, '--server', server.url]);
  await poll('more acknowledged than the clip has frames', () => existsSync(ackLog) && (ackLines(ackLog).at(-1)?.nextSequence ?? 0) > 100);
  await poll('something recorded', () => existsSync(out) && readFileSync(out).length > 0);
  watch.kill('SIGINT');
  assert.deepEqual(await watch.exit, { code: 0, signal: null });
  assert.ok(packetsOf(out).length > 0);
  broadcast.kill('SIGINT');
  assert.deepEqual(await broadcast.exit, { code: 0, signal: null });
  assert.match(broadcast.stderr.at(-1) ?? '', /everything acknowledged/);
});

test('a broadcast continues without intervention when its server is killed and started again', async (t) => {
  const folder = tempDir(t);
  const data = join(folder, 'data');
  const ackLog = join(folder, 'ack.jsonl');
  const clip = writeClip(t, 5);
  const first = await startHayateServer(t, { data });
  const broadcast = startHayate(t, ['broadcast', clip.path, '--stream', 'phoenix', '--server', first.url, '--ack-log', ackLog]);
  await poll('a first acknowledgement', () => existsSync(ackLog) && ackLines(ackLog).length > 2);
  first.process.kill('SIGKILL');
  await first.process.exit;
  await startHayateServer(t, { data, port: first.port });
  assert.deepEqual(await broadcast.exit, { code: 0, signal: null }, broadcast.lines.join('\n'));
  await broadcast.untilLine(/^connection lost, reconnecting/);
  await broadcast.untilLine(/^ended: 250 audio and \d+ motion frames, everything acknowledged/);
  const lines = ackLines(ackLog);
  assert.equal(new Set(lines.map(({ epoch }) => epoch)).size, 1, 'it resumed its epoch');
});

test('a broadcast that a newer one replaces says so and fails', async (t) => {
  const folder = tempDir(t);
  const server = await startHayateServer(t, { data: join(folder, 'data') });
  const clip = writeClip(t, 1);
  const args = ['broadcast', clip.path, '--stream', 'contested', '--loop', '--server', server.url];
  const older = startHayate(t, args);
  await older.untilLine(/^broadcasting /);
  const newer = startHayate(t, args);
  assert.deepEqual(await older.exit, { code: 1, signal: null });
  assert.match(older.stderr.at(-1) ?? '', /^hayate broadcast: .*newer broadcast/);
  await newer.untilLine(/^broadcasting /);
  newer.kill('SIGINT');
  assert.deepEqual(await newer.exit, { code: 0, signal: null });
});
