// `hayate broadcast` with recordings as users have them: cut, damaged, piped, or not a recording at
// all. Tests its output, its exit code, and the frames that a viewer gets.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { OggOpusWriter, readOggOpus } from '../../packages/server/src/format/ogg/index.ts';
import { demoClip, runHayate, startHayate, startHayateServer } from '../support/hayate.ts';
import { pagesOf } from '../support/ogg-damage.ts';
import { poll } from '../support/poll.ts';
import { requireTool } from '../support/require-tool.ts';
import { tempDir } from '../support/temp-dir.ts';

const packetsOf = (bytes: Uint8Array): Buffer[] => readOggOpus(bytes).flatMap((link) => link.packets.map(({ data }) => Buffer.from(data)));

test('a truncated voice note with odd tags is sent with warnings, and the report does not claim that it is complete', async (t) => {
  const folder = tempDir(t);
  const server = await startHayateServer(t, { data: join(folder, 'data') });
  const writer = new OggOpusWriter({ serial: 7, channels: 1, preSkip: 312, tags: [['TITLE', `${'長い'.repeat(150)}`]] });
  const { packets } = demoClip(3);
  for (const { data } of packets) writer.write(data);
  const pages = pagesOf(writer.end());
  // Without its second page of sound, and cut within its last page.
  const bytes = Buffer.concat([...pages.slice(0, 3), ...pages.slice(4)]).subarray(0, -100);
  const [path, out] = [join(folder, 'note.ogg'), join(folder, 'out.ogg')];
  writeFileSync(path, bytes);
  const watch = startHayate(t, ['watch', 'note', '--out', out, '--server', server.url]);
  await watch.untilLine(/^waiting for "note" to go live$/);
  const { code, stderr } = await runHayate(t, ['broadcast', path, '--stream', 'note', '--server', server.url]);
  assert.equal(code, 0, stderr.join('\n'));
  assert.ok(
    stderr.some((line) => line.startsWith("warning: the file's title has 300 characters (UTF-16 code units)")),
    stderr.join('\n'),
  );
  const warnings = stderr.filter((line) => line.startsWith('warning: '));
  assert.equal(new Set(warnings).size, warnings.length, 'one line for each kind');
  assert.ok(
    warnings.some((line) => /ends in the middle of an Ogg page/.test(line)),
    stderr.join('\n'),
  );
  assert.ok(warnings.some((line) => /1 recording does not say where it ends/.test(line)));
  assert.match(stderr.at(-1) ?? '', /^ended: \d+ audio and \d+ motion frames, all of them acknowledged; .*of the file could not be read/);
  assert.deepEqual(await watch.exit, { code: 0, signal: null });
  const heard = packetsOf(readFileSync(out));
  const first = packets.slice(0, 50).map(({ data }) => Buffer.from(data));
  assert.deepEqual(heard.slice(0, 50), first);
});

test('piped sound is live before the pipe ends, and late sound is played late and completely', async (t) => {
  const folder = tempDir(t);
  const server = await startHayateServer(t, { data: join(folder, 'data') });
  const { bytes } = demoClip(3);
  const [out, ackLog] = [join(folder, 'out.ogg'), join(folder, 'ack.jsonl')];
  const watch = startHayate(t, ['watch', 'pipe', '--out', out, '--server', server.url]);
  await watch.untilLine(/^waiting for "pipe" to go live$/);
  const flags = ['--stream', 'pipe', '--server', server.url, '--motion-rate', '0', '--ack-log', ackLog];
  const broadcast = startHayate(t, ['broadcast', '-', ...flags]);
  const last = bytes.length - 500;
  broadcast.stdin.write(bytes.subarray(0, last));
  await broadcast.untilLine(/^broadcasting - as "pipe"/);
  const acknowledged = () => Number(/"nextSequence":(\d+)[^\n]*\n$/.exec(existsSync(ackLog) ? readFileSync(ackLog, 'utf8') : '')?.[1] ?? 0);
  await poll('the first two pages are acknowledged', () => acknowledged() > 100);
  broadcast.stdin.end(bytes.subarray(last));
  assert.deepEqual(await broadcast.exit, { code: 0, signal: null });
  assert.match(broadcast.stderr.at(-1) ?? '', /^ended: 150 audio and 0 motion frames, everything acknowledged$/);
  assert.deepEqual(await watch.exit, { code: 0, signal: null });
  const heard = packetsOf(readFileSync(out));
  assert.deepEqual(
    heard.filter((packet) => packet.length > 1),
    packetsOf(bytes),
  );
  const late = heard.findIndex((_, i) => heard.slice(0, i + 1).filter((packet) => packet.length > 1).length === 100) + 1;
  assert.equal(heard[late]?.length, 1, 'time without sound lies where the pipe was late');
});

test('Ctrl-C ends a piped broadcast with all frames acknowledged, and ends waiting for a pipe at once', async (t) => {
  const folder = tempDir(t);
  const server = await startHayateServer(t, { data: join(folder, 'data') });
  const { bytes } = demoClip(3);
  const silent = startHayate(t, ['broadcast', '-', '--stream', 'silent', '--server', server.url]);
  silent.stdin.write(bytes.subarray(0, bytes.length - 500));
  await silent.untilLine(/^broadcasting - as "silent"/);
  silent.kill('SIGINT');
  assert.deepEqual(await silent.exit, { code: 0, signal: null });
  assert.match(silent.stderr.at(-1) ?? '', /everything acknowledged/);

  const waiting = startHayate(t, ['broadcast', '-', '--stream', 'never', '--server', server.url]);
  waiting.stdin.write(bytes.subarray(0, 10));
  // There is no output while it waits. The interruption is valid at any moment.
  waiting.kill('SIGINT');
  const { code, signal } = await waiting.exit;
  assert.ok(code === 130 || signal === 'SIGINT', `${code} ${signal}`);
});

test('a named pipe is read as its bytes arrive; a source that cannot be looped or read is refused in one line', async (t) => {
  const folder = tempDir(t);
  const mkfifo = requireTool(t, 'mkfifo');
  if (mkfifo === undefined) return;
  const server = await startHayateServer(t, { data: join(folder, 'data') });
  const fifo = join(folder, 'voice.fifo');
  assert.equal(spawnSync(mkfifo, [fifo]).status, 0);
  const broadcast = startHayate(t, ['broadcast', fifo, '--stream', 'fifo', '--server', server.url]);
  writeFileSync(fifo, demoClip(1).bytes);
  assert.deepEqual(await broadcast.exit, { code: 0, signal: null });
  const cases: [args: string[], code: number, line: RegExp][] = [
    [['-', '--loop'], 2, /^hayate broadcast: --loop needs a file that can be read again; standard input can be read only once /],
    [['-'], 1, /^hayate broadcast: standard input is empty$/],
    [[folder], 1, /^hayate broadcast: .*: is a directory$/],
  ];
  for (const [args, code, line] of cases) {
    const result = await runHayate(t, ['broadcast', ...args, '--stream', 'x', '--server', server.url]);
    assert.deepEqual([result.code, result.stderr.length], [code, 1], result.stderr.join('\n'));
    assert.match(result.stderr[0] ?? '', line);
  }
});
