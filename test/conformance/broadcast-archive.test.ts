// A minute of speech goes through the real program. The files on disk are then compared with the
// source by independent programs: opusinfo, oggz-validate, ffmpeg, Python's avro, DuckDB. The
// broadcast runs in real time, so this takes a minute.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startHayate, startHayateServer } from '../support/hayate.ts';
import { root } from '../support/process.ts';
import { requirePython, requireTool } from '../support/require-tool.ts';
import { tempDir } from '../support/temp-dir.ts';
import { decodeWithFfmpeg } from './archive-sound.ts';
import {
  type ArchivedBroadcast,
  assertAcknowledgedOnce,
  assertVoiceIsWhole,
  audioFiles,
  readAckLog,
  readAvro,
  sumStatistics,
  withoutZeros,
} from './broadcast-archive.ts';

const speech = join(root, 'packages/server/demo/hello.ogg');
/** 20 ms at 48 kHz. */
const PACKET_SAMPLES = 960;

/** Runs a program and returns its output; fails the test if the program fails. */
function run(program: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  assert.equal(status, 0, `${program}: ${stdout}${stderr}`);
  return stdout + stderr;
}

/**
 * Pearson's correlation of `actual`, shifted by `lag` samples, with `expected`, over their common
 * part.
 */
function correlation(actual: Float32Array, expected: Float32Array, lag: number): number {
  const length = Math.min(actual.length, expected.length);
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = Math.max(0, -lag); i < length - Math.max(0, lag); i++) {
    const a = actual[i + lag] ?? 0;
    const b = expected[i] ?? 0;
    ab += a * b;
    aa += a * a;
    bb += b * b;
  }
  return ab / Math.sqrt(aa * bb);
}

/**
 * Asserts that every sequence from 0 to before `next` is there once, and that the broadcast's end
 * says so.
 */
function assertSequences({ sequences, marks }: ArchivedBroadcast, next: number): void {
  assert.ok(next > 2 * 2_000);
  assert.deepEqual(
    sequences,
    Array.from({ length: next }, (_, sequence) => [sequence, 1]),
  );
  assert.deepEqual(marks, [['END', next, next, 1]]);
}

test('a minute of speech is archived whole, as Ogg/Opus and as WAV: independent programs read every file', async (t) => {
  const [opusinfo, oggzValidate, ffmpeg] = ['opusinfo', 'oggz-validate', 'ffmpeg'].map((name) => requireTool(t, name));
  const python = requirePython(t, 'avro', 'zstandard');
  if (!opusinfo || !oggzValidate || !ffmpeg || !python) return;
  const folder = tempDir(t);
  const archive = join(folder, 'data', 'archive');
  const wav = join(folder, 'speech.wav');
  run(ffmpeg, ['-v', 'error', '-i', speech, '-ac', '1', '-ar', '44100', '-c:a', 'pcm_s16le', wav]);
  const sources = [
    // The packets are the source's own, so only the segments' pre-roll may change the decoded
    // sound.
    { stream: 'speech-ogg', file: speech, likeness: 0.9999 },
    // Resampled and encoded by us.
    { stream: 'speech-wav', file: wav, likeness: 0.98 },
  ];

  const server = await startHayateServer(t, { data: join(folder, 'data') });
  await Promise.all(
    sources.map(async ({ stream, file }) => {
      const args = ['broadcast', file, '--stream', stream, '--server', server.url, '--ack-log', join(folder, `${stream}.acks`)];
      const process = startHayate(t, args);
      assert.deepEqual(await process.exit, { code: 0, signal: null }, process.lines.join('\n'));
    }),
  );
  server.process.kill('SIGTERM');
  assert.deepEqual(await server.process.exit, { code: 0, signal: null }, server.process.lines.join('\n'));

  const { broadcasts, windows } = readAvro(python, archive);
  assert.deepEqual(broadcasts.map(({ stream }) => stream).sort(), ['speech-ogg', 'speech-wav']);
  for (const { stream, file, likeness } of sources) {
    const lines = readAckLog(join(folder, `${stream}.acks`));
    const [broadcast, ...others] = assertAcknowledgedOnce(lines, stream, broadcasts);
    assert.ok(broadcast !== undefined && others.length === 0);
    assertSequences(broadcast, lines.at(-1)?.nextSequence ?? 0);
    assertVoiceIsWhole(archive, broadcast);

    assert.deepEqual(audioFiles(archive, broadcast, true), []);
    const segments = audioFiles(archive, broadcast).map((key) => join(archive, key));
    assert.ok(segments.length >= 1);
    for (const segment of segments) {
      // Both exit with 0 even when they warn.
      assert.doesNotMatch(run(opusinfo, [segment]), /warning|error|invalid|negative|missing|hole/i);
      assert.equal(run(oggzValidate, [segment]).trim(), '');
    }
    const chained = join(folder, `${stream}.ogg`);
    writeFileSync(chained, Buffer.concat(segments.map((segment) => readFileSync(segment))));
    assert.doesNotMatch(run(opusinfo, [chained]), /warning|error|invalid|negative|missing|hole/i);
    const actual = decodeWithFfmpeg(ffmpeg, chained);
    const expected = decodeWithFfmpeg(ffmpeg, file);
    assert.ok(Math.abs(actual.length - expected.length) <= PACKET_SAMPLES, `${actual.length} samples for ${expected.length}`);
    const like = correlation(actual, expected, 0);
    t.diagnostic(`${stream}: ${segments.length} segments, ${actual.length} samples for ${expected.length}, correlation ${like}`);
    assert.ok(like >= likeness, `${stream}: correlation ${like}`);
    for (const lag of [1, 2, 5, 48, 312, PACKET_SAMPLES])
      for (const moved of [lag, -lag])
        assert.ok(correlation(actual, expected, moved) < like, `${stream} is more like its source when moved by ${moved} samples`);
  }
  assert.deepEqual(withoutZeros(await sumStatistics(archive)), withoutZeros(windows));
});
