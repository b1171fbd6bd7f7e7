// How commands use standard input, standard output and files: `-`, readers that leave or are slow,
// full disks, and files that cannot be written. An unwritable file is reported at once and is not
// changed.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { descriptorHint } from '../../packages/server/src/cli/descriptor-hint.ts';
import { dispatch } from '../../packages/server/src/cli/index.ts';
import { readOggOpus } from '../../packages/server/src/format/ogg/index.ts';
import { parseFlags } from '../../packages/server/src/kernel/flag.ts';
import { serveFlags } from '../../packages/server/src/serve-flags.ts';
import { demoClip, runHayate, startHayate, startHayateServer } from '../support/hayate.ts';
import { poll } from '../support/poll.ts';
import { type Exit, root, runProcess, startProcess, type TestProcess } from '../support/process.ts';
import { requireTool } from '../support/require-tool.ts';
import { mountSmallDisk } from '../support/small-disk.ts';
import { tempDir } from '../support/temp-dir.ts';

const cli = `${process.execPath} ${join(root, 'packages/server/bin/hayate.mjs')}`;
/** Runs a line of a shell. It is bash, whose `set -o pipefail` shows each program's exit code. */
const shell = (t: TestContext, line: string): Promise<Exit & TestProcess> => runProcess(t, ['-c', line], { executable: '/bin/bash' });

/** Runs a command in this process, with a terminal for standard output if `isTTY`. */
async function here(args: readonly string[], isTTY = false): Promise<{ code: number; stderr: string }> {
  let stderr = '';
  const code = await dispatch(args, {
    stdout: { isTTY, write: () => undefined },
    stderr: { write: (text) => (stderr += String(text)) },
    env: {},
    interrupted: new AbortController().signal,
  });
  return { code, stderr };
}

test('--out is checked before waiting for the stream, and the check changes no file', async (t) => {
  const folder = tempDir(t);
  writeFileSync(join(folder, 'there.ogg'), 'precious');
  mkdirSync(join(folder, 'archive'));
  for (const [out, words] of [
    [join(folder, 'no', 'x.ogg'), /no such file or directory/],
    [folder, /is a directory/],
    [join(folder, 'there.ogg', 'x.ogg'), /not a directory/],
    [join(folder, `${'x'.repeat(300)}.ogg`), /the name is too long/],
  ] as const)
    for (const args of [
      ['watch', 'x', '--out', out, '--server', 'http://127.0.0.1:9'],
      ['archive', 'export', 'x', '--out', out, '--data', folder],
    ]) {
      const { code, stderr } = await here(args);
      assert.equal(code, 2, stderr);
      assert.match(stderr, words);
      assert.match(stderr, /^hayate [a-z ]+: --out [^\n]+\n$/);
    }
  for (const command of [
    ['watch', 'x', '--server', 'http://127.0.0.1:9'],
    ['archive', 'export', 'x', '--data', folder],
  ]) {
    for (const out of ['there.ogg', 'new.ogg']) assert.equal((await here([...command, '--out', join(folder, out)])).code, 1);
    const terminal = await here([...command, '--out', '-'], true);
    assert.equal(terminal.code, 2);
    assert.match(terminal.stderr, /--out -: this is a terminal and the output is binary/);
  }
  assert.equal(readFileSync(join(folder, 'there.ogg'), 'utf8'), 'precious');
  assert.deepEqual(readdirSync(folder).sort(), ['archive', 'there.ogg']);
});

test('a live voice and acknowledgements go to standard output, and reports to standard error', async (t) => {
  const folder = tempDir(t);
  const server = await startHayateServer(t, { data: join(folder, 'data') });
  const clip = join(folder, 'clip.ogg');
  writeFileSync(clip, demoClip(2).bytes);
  const recorded = join(folder, 'recorded.ogg');
  const watch = shell(t, `${cli} watch pipe --out - --server ${server.url} > ${recorded}; echo code $?`);
  const acks = await runHayate(t, ['broadcast', clip, '--stream', 'pipe', '--server', server.url, '--ack-log', '-']);
  assert.equal(acks.code, 0, acks.lines.join('\n'));
  for (const line of acks.stdout) assert.deepEqual(Object.keys(JSON.parse(line)), ['epoch', 'nextSequence', 'dropped']);
  assert.ok(acks.stdout.length > 0);
  const { stdout, stderr } = await watch;
  assert.deepEqual(stdout, ['code 0']);
  assert.match(stderr.at(-1) ?? '', /^the broadcast ended .*: standard output holds /);
  assert.ok(readOggOpus(readFileSync(recorded))[0]?.packets.length);
});

test('a closed output ends a recording without an error, and does not end a server', async (t) => {
  const folder = tempDir(t);
  const data = join(folder, 'data');
  const server = await startHayateServer(t, { data });
  const clip = join(folder, 'clip.ogg');
  writeFileSync(clip, demoClip(2).bytes);
  const broadcast = startHayate(t, ['broadcast', clip, '--stream', 'loop', '--loop', '--server', server.url]);
  const watch = await shell(t, `${cli} watch loop --out - --server ${server.url} | head -c 100 | wc -c; echo \${PIPESTATUS[0]}`);
  assert.deepEqual(watch.stdout, ['100', '0'], watch.lines.join('\n'));
  assert.deepEqual(
    watch.stderr.filter((line) => !/^(watching|waiting|its title is) /.test(line)),
    [],
  );
  broadcast.kill('SIGINT');
  assert.deepEqual(await broadcast.exit, { code: 0, signal: null });

  const other = join(folder, 'other');
  const pidFile = join(folder, 'pid');
  const line = `(${cli} serve --data ${other} --port 0 --log-level silent & echo $! > ${pidFile}; wait $!; echo code $? >&2) | head -1`;
  const serve = shell(t, line);
  const pid = await poll('the server', () => existsSync(join(other, 'log')) && Number(readFileSync(pidFile, 'utf8')));
  await poll('the log of the server to be open', () => existsSync(join(other, 'secret')));
  process.kill(pid, 'SIGTERM');
  const { stderr } = await serve;
  assert.ok(['code 0', 'code 143'].includes(stderr.at(-1) ?? ''), stderr.join('\n'));
});

test('a full disk while a voice is recorded gives one line, and the recording so far can be played', async (t) => {
  const folder = tempDir(t);
  const small = join(folder, 'small');
  if (mountSmallDisk(t, small, 16_384) === undefined) return;
  const server = await startHayateServer(t, { data: join(folder, 'data') });
  const clip = join(folder, 'clip.ogg');
  writeFileSync(clip, demoClip(4).bytes);
  const out = join(small, 'x.ogg');
  const watch = startHayate(t, ['watch', 'long', '--out', out, '--server', server.url]);
  startHayate(t, ['broadcast', clip, '--stream', 'long', '--loop', '--server', server.url]);
  assert.deepEqual(await watch.exit, { code: 1, signal: null });
  const failed = watch.stderr.filter((line) => line.startsWith('hayate watch: '));
  assert.equal(failed.length, 1, watch.lines.join('\n'));
  assert.match(failed[0] ?? '', /^hayate watch: .*x\.ogg: no space left on the disk; .*x\.ogg holds 0:0\d$/);
  assert.doesNotMatch(watch.lines.join('\n'), /^\s+at /m);
  const ffprobe = requireTool(t, 'ffprobe');
  if (ffprobe === undefined) return;
  const probed = await runProcess(t, ['-v', 'error', '-show_entries', 'stream=codec_name', '-of', 'csv=p=0', out], { executable: ffprobe });
  assert.deepEqual([probed.code, probed.stdout], [0, ['opus']], probed.lines.join('\n'));
});

test('a slow reader gets all of a long output, and a full disk as output is a failure of one line', async (t) => {
  const data = tempDir(t);
  mkdirSync(join(data, 'archive'));
  const query = `${cli} query 'select * from range(200000)' --json --data ${data}`;
  // Nothing reads from the full pipe until the query has nothing left to do but wait.
  const slow = await shell(t, `${query} | (while read -r line; do :; done < <(${cli} --version); wc -l)`);
  assert.deepEqual(slow.stdout, ['200000'], slow.lines.join('\n'));
  const left = await shell(t, `${query} | head -1; echo \${PIPESTATUS[0]}`);
  assert.deepEqual([left.stdout, left.stderr], [['{"range":0}', '0'], []]);
  for (const command of ['--help', `archive ls --help`, `query 'select 1' --data ${data}`]) {
    const full = await shell(t, `${cli} ${command} > /dev/full`);
    assert.deepEqual([full.code, full.stderr], [1, ['hayate: standard output: no space left on the disk']], command);
  }
});

test('a server whose log output cannot be written runs, drains and ends', async (t) => {
  const folder = tempDir(t);
  const out = join(folder, 'out');
  const pidFile = join(folder, 'pid');
  const start = `${cli} serve --data ${join(folder, 'data')} --port 0 > ${out} 2>/dev/full &`;
  const serve = shell(t, `${start} echo $! > ${pidFile}; wait $!; echo code $?`);
  await poll('the server', () => existsSync(out) && /listening on/.test(readFileSync(out, 'utf8')), { timeoutMs: 60_000 });
  process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGTERM');
  assert.equal((await serve).stdout.at(-1), 'code 0');
});

test('- is standard input for one option, and a secret is read from it', async (t) => {
  const key = 'k'.repeat(40);
  const signed = await shell(
    t,
    `echo ${key} | ${cli} token --publish a --jwt-secret-file - && ${cli} token --publish a --jwt-secret ${key}`,
  );
  const [first = '', second = ''] = signed.stdout;
  assert.deepEqual(first.split('.')[0], second.split('.')[0], signed.lines.join('\n'));
  const both = await here(['broadcast', '-', '--stream', 'a', '--token-file', '-']);
  assert.equal(both.code, 2);
  assert.match(both.stderr, /only one of FILE and --token-file can be -/);
  const none = await here(['token', '--publish', 'a', '--jwt-secret-file', '-']);
  assert.deepEqual([none.code, /there is no standard input/.test(none.stderr)], [2, true]);
});

test('a command without a file permission says so in one line', async (t) => {
  const setpriv = requireTool(t, 'setpriv');
  if (setpriv === undefined || process.getuid?.() !== 0) return;
  const folder = tempDir(t);
  const locked = join(folder, 'locked');
  mkdirSync(join(locked, 'archive'), { recursive: true });
  writeFileSync(join(locked, 'secret'), 'x');
  chmodSync(folder, 0o755);
  chmodSync(locked, 0o700);
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, join(root, 'packages/server/bin/hayate.mjs')];
  const clip = join(root, 'packages/server/demo/hello.ogg');
  await Promise.all(
    [
      ['serve', '--data', join(locked, 'data'), '--port', '0', '--connections-max', '100'],
      ['token', '--publish', 'a', '--data', locked],
      ['token', '--publish', 'a', '--jwt-secret-file', join(locked, 'secret')],
      ['archive', 'ls', '--data', locked],
      ['archive', 'verify', '--data', locked],
      ['query', 'select 1', '--data', locked],
      ['broadcast', join(locked, 'x.ogg'), '--stream', 'a'],
      ['broadcast', clip, '--stream', 'a', '--ack-log', join(folder, 'ack')],
      ['watch', 'a', '--out', join(folder, 'x.ogg')],
      ['archive', 'export', 'a', '--out', join(folder, 'x.ogg'), '--data', folder],
    ].map(async (args) => {
      const { code, lines } = await runProcess(t, [...nobody, ...args], { executable: setpriv });
      assert.ok(code === 1 || code === 2, args.join(' '));
      assert.equal(lines.length, 1, lines.join('\n'));
      assert.match(lines[0] ?? '', /^hayate [a-z ]+: .*permission denied/);
    }),
  );
});

test('an unknown command is answered with a suggestion, and a group of commands prints its help', async () => {
  for (const [args, words] of [
    [['brodcast'], /there is no command "brodcast"; did you mean broadcast\?/],
    [['archive', 'lss'], /there is no command "archive lss"; did you mean ls\?/],
    [['archive', 'remove'], /there is no command "archive remove"; there are ls, export, erase, verify/],
    [['archive'], /archive needs a subcommand: hayate archive ls, /],
  ] as const) {
    const { code, stderr } = await here(args);
    assert.equal(code, 2);
    assert.match(stderr, words);
  }
  assert.equal((await here(['archive', '--help'])).code, 0);
});

test('a limit of open files below --connections-max is reported in one line with both numbers', async (t) => {
  const settings = parseFlags(serveFlags, ['--connections-max', '5000'], {});
  assert.match(
    descriptorHint(settings, 1_024) ?? '',
    /^hint: --connections-max 5000 needs 5256 open files, and the limit here is 1024: raise it [^\n]*$/,
  );
  assert.equal(descriptorHint(settings, 5_256), undefined);
  assert.equal(descriptorHint(settings, undefined), descriptorHint(settings));
  const prlimit = requireTool(t, 'prlimit');
  if (prlimit === undefined) return;
  for (const [connections, hinted] of [
    ['1000', true],
    ['100', false],
  ] as const) {
    const flags = ['--data', join(tempDir(t), 'data'), '--port', '0', '--log-level', 'silent', '--connections-max', connections];
    const args = ['--nofile=512:512', process.execPath, join(root, 'packages/server/bin/hayate.mjs'), 'serve', ...flags];
    const server = startProcess(t, args, { executable: prlimit });
    await server.untilLine(/^listening on /, { timeoutMs: 60_000 });
    const hints = server.lines.filter((line) => line.startsWith('hint: ') && line.includes(' 512: '));
    assert.equal(hints.length, hinted ? 1 : 0, server.lines.join('\n'));
  }
});
