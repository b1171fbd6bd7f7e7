// WAV files as real recorders leave them, through `hayate broadcast`, a real server, its archive
// and a viewer. All of the sound arrives at the right time, or one line says what is wrong.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { runHayate, startHayate, startHayateServer } from '../support/hayate.ts';
import { poll } from '../support/poll.ts';
import { requireTool } from '../support/require-tool.ts';
import { tempDir } from '../support/temp-dir.ts';
import { chunk, format, pcm16, riff } from '../support/wav.ts';
import { runTool } from '../support/wav-oracle.ts';

const SWEEP = '0.4*sin(2*PI*440*t*(1+t/4))';

/**
 * Likeness between the recording at `path` and the sweep from one moment to another, in 48 kHz
 * samples: 1 if they are the same and in time.
 */
function likeness(t: TestContext, ffmpeg: string, path: string, { from, to }: { from: number; to: number }): number {
  const raw = join(tempDir(t), 'heard.f32');
  runTool(ffmpeg, ['-v', 'error', '-i', path, '-f', 'f32le', '-ac', '1', raw]);
  const bytes = readFileSync(raw);
  const heard = new Float32Array(Uint8Array.from(bytes).buffer);
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = from; i < to; i++) {
    const time = i / 48_000;
    const [a, b] = [heard[i] ?? 0, Math.sin(2 * Math.PI * 440 * time * (1 + time / 4))];
    ab += a * b;
    aa += a * a;
    bb += b * b;
  }
  return ab / Math.sqrt(aa * bb);
}

/** Writes two seconds of the sweep with ffmpeg, and then damages the file. */
function writeSweep(ffmpeg: string, path: string, args: readonly string[], spoil: (bytes: Buffer) => Buffer): void {
  runTool(ffmpeg, ['-v', 'error', '-f', 'lavfi', '-i', `aevalsrc=${SWEEP}:s=44100:d=2`, ...args, path]);
  writeFileSync(path, spoil(readFileSync(path)));
}

const withDataSize = (size: number) => (bytes: Buffer) => {
  bytes.writeUInt32LE(size, bytes.indexOf('data') + 4);
  return bytes;
};

test('all of a WAV file of any size and format is played and archived', async (t) => {
  const ffmpeg = requireTool(t, 'ffmpeg');
  if (ffmpeg === undefined) return;
  const folder = tempDir(t);
  const data = join(folder, 'data');
  const server = await startHayateServer(t, { data });
  const cases: [name: string, args: readonly string[], spoil: (bytes: Buffer) => Buffer, warning: RegExp | undefined][] = [
    ['size-0', [], withDataSize(0), /size-0\.wav: its header gives no length; 88200 samples \(2\.00 s\) were read up to its end$/],
    [
      'too-large',
      ['-c:a', 'pcm_s24le'],
      withDataSize(600_000),
      /it ends early: its header promises 200000 samples \(4\.54 s\), it holds 88/,
    ],
    ['rf64', ['-rf64', 'always', '-c:a', 'pcm_alaw'], (bytes) => bytes, undefined],
  ];
  const heard = await Promise.all(
    cases.map(async ([name, args, spoil]) => {
      const [wav, out] = [join(folder, `${name}.wav`), join(folder, `${name}.ogg`)];
      writeSweep(ffmpeg, wav, args, spoil);
      const watch = startHayate(t, ['watch', name, '--out', out, '--server', server.url]);
      await watch.untilLine(new RegExp(`^waiting for "${name}" to go live$`));
      const broadcast = await runHayate(t, ['broadcast', wav, '--stream', name, '--server', server.url]);
      assert.equal(broadcast.code, 0, broadcast.lines.join('\n'));
      assert.deepEqual(await watch.exit, { code: 0, signal: null });
      return { out, broadcast };
    }),
  );
  server.process.kill('SIGINT');
  assert.deepEqual(await server.process.exit, { code: 0, signal: null }, server.process.lines.join('\n'));
  for (const [i, [name, , , warning]] of cases.entries()) {
    const { out = '', broadcast } = heard[i] ?? {};
    const like = likeness(t, ffmpeg, out, { from: 4_800, to: 95_900 });
    assert.ok(like > 0.98, `${name}: ${like}`);
    assert.match(broadcast?.stderr.at(-1) ?? '', /^ended: 101 audio and \d+ motion frames, everything acknowledged/);
    const odd = broadcast?.stderr.filter((line) => line.includes('.wav: ')) ?? [];
    assert.equal(odd.length, warning === undefined ? 0 : 1, odd.join('\n'));
    if (warning !== undefined) assert.match(odd[0] ?? '', warning);
  }
  const archived = join(folder, 'archived.ogg');
  const exported = await runHayate(t, ['archive', 'export', 'size-0', '--out', archived, '--data', data]);
  assert.equal(exported.code, 0, exported.lines.join('\n'));
  assert.ok(likeness(t, ffmpeg, archived, { from: 4_800, to: 95_900 }) > 0.98, 'the archive');
});

test('a file without usable sound is refused in one line, before the broadcast begins', async (t) => {
  const folder = tempDir(t);
  const cases: [name: string, bytes: Uint8Array, line: RegExp][] = [
    [
      'adpcm',
      riff([chunk('fmt ', format({ code: 17, bits: 4, blockBytes: 512 })), chunk('data', Buffer.alloc(512))]),
      /are IMA ADPCM; convert it first: ffmpeg -i \/\S+\/adpcm\.wav -c:a pcm_s16le out\.wav$/,
    ],
    ['empty', riff([chunk('fmt ', format()), chunk('data', Buffer.alloc(0))]), /: it holds no samples$/],
  ];
  for (const [name, bytes, line] of cases) {
    const path = join(folder, `${name}.wav`);
    writeFileSync(path, bytes);
    const result = await runHayate(t, ['broadcast', path, '--stream', 'x', '--server', 'http://127.0.0.1:9']);
    assert.deepEqual([result.code, result.stdout, result.stderr.length], [1, [], 1], result.lines.join('\n'));
    assert.ok((result.stderr[0] ?? '').startsWith(`hayate broadcast: ${path} cannot be sent: it`), result.lines.join());
    assert.match(result.stderr[0] ?? '', line);
  }
});

test('with --loop a WAV file starts over at its end, and its warnings are printed once', async (t) => {
  const folder = tempDir(t);
  const server = await startHayateServer(t, { data: join(folder, 'data') });
  const path = join(folder, 'short.wav');
  const sound = pcm16(Array.from({ length: 4_800 }, (_, i) => Math.round(9_000 * Math.sin(i / 9))));
  writeFileSync(path, riff([chunk('fmt ', format()), chunk('data', sound, { size: 0 })]));
  const ackLog = join(folder, 'ack.jsonl');
  const broadcast = startHayate(t, ['broadcast', path, '--stream', 'again', '--loop', '--server', server.url, '--ack-log', ackLog]);
  // A pass is a tenth of a second: six packets.
  const acknowledged = () => Number(/"nextSequence":(\d+)[^\n]*\n$/.exec(existsSync(ackLog) ? readFileSync(ackLog, 'utf8') : '')?.[1] ?? 0);
  await poll('more acknowledged than a pass has frames', () => acknowledged() > 50);
  broadcast.kill('SIGINT');
  assert.deepEqual(await broadcast.exit, { code: 0, signal: null }, broadcast.lines.join('\n'));
  assert.equal(broadcast.stderr.filter((line) => line.includes('its header gives no length')).length, 1);
});
