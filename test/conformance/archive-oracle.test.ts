// The archive's files, read by independent programs: opusinfo, oggz-validate, ffprobe, ffmpeg,
// opusdec, Python's avro, DuckDB.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { encodeFrame, Kind, mintEpoch } from '@hayate/protocol';
import { parseAudioKey } from '../../packages/server/src/archive/layout/path.ts';
import { AVRO_CODECS } from '../../packages/server/src/format/avro/index.ts';
import { readOggOpus } from '../../packages/server/src/format/ogg/index.ts';
import { audioPayload, batchValue, headerPayload, makeLog, STARTED_MS } from '../support/archive-broadcast.ts';
import { archiveUntil, makePlace, readObjects, writeLog } from '../support/archive-run.ts';
import { requirePython, requireTool } from '../support/require-tool.ts';
import { decodeOpus, decodeWithFfmpeg, differenceDb, encodeOpus, encodeVoice, PACKET_SAMPLES, voice } from './archive-sound.ts';

const packetOf = (index: number) => Uint8Array.of(0x78, index & 255, (index >> 8) & 255, 7);

/** Runs a program and returns its output; fails the test if the program fails. */
function run(program: string, args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  assert.equal(status, 0, `${program}: ${stdout}${stderr}`);
  return stdout + stderr;
}

test('opusinfo, oggz-validate and ffprobe find no fault in segments of real speech, and their concatenation is the source', async (t) => {
  const tools = ['opusinfo', 'oggz-validate', 'ffprobe', 'ffmpeg', 'opusdec'].map((name) => requireTool(t, name));
  const [opusinfo, oggzValidate, ffprobe, ffmpeg, opusdec] = tools;
  if (!opusinfo || !oggzValidate || !ffprobe || !ffmpeg || !opusdec) return;
  for (const dtx of [false, true]) {
    const source = voice(30);
    const { packets, preSkip } = await encodeOpus(source, dtx);
    // Some packets never arrived: a few single ones, a burst, one at a cut.
    const lost = (i: number) => i % 97 === 50 || (i > 400 && i < 460) || (i >= 748 && i < 752);
    const epoch = mintEpoch(STARTED_MS, dtx ? 2 : 1);
    const frames = [
      encodeFrame({ stream: 'speech', epoch, sequence: 0, captureUs: 0, kind: Kind.HEADER, payload: headerPayload({ preSkip }) }),
    ];
    for (let i = 0; i < packets.length; i += 2) {
      const pair = [i, i + 1].filter((n) => !lost(n));
      const first = pair[0];
      if (first === undefined) continue;
      const payload = audioPayload(pair.map((n) => packets[n] ?? assert.fail()));
      frames.push(
        encodeFrame({
          stream: 'speech',
          epoch,
          sequence: frames.length,
          captureUs: i * 20_000,
          kind: Kind.AUDIO,
          position: first * PACKET_SAMPLES,
          payload,
        }),
      );
    }
    const batches = frames.map((frame, i) => ({
      stream: 'speech',
      appendTimeMs: STARTED_MS + i * 40,
      value: batchValue('speech', epoch, [frame], STARTED_MS + i * 40),
    }));
    const place = await makePlace(t);
    await archiveUntil(await writeLog(place.directory, batches), place, { windowMs: 5_000, windowsPerCut: 1 });
    const objects = await readObjects(place.store, 'audio/');
    assert.ok(objects.size >= 5);
    for (const key of objects.keys()) {
      const path = join(place.archive, key);
      const report = run(opusinfo, [path]);
      assert.doesNotMatch(report, /warning|error|invalid/i);
      assert.doesNotMatch(run(oggzValidate, [path]), /error|invalid/i);
      const probed: { streams: { codec_name: string; channels: number }[] } = JSON.parse(
        run(ffprobe, ['-v', 'error', '-of', 'json', '-show_streams', path]),
      );
      assert.deepEqual(
        probed.streams.map(({ codec_name, channels }) => [codec_name, channels]),
        [['opus', 1]],
      );
    }
    const chained = join(place.archive, 'chained.ogg');
    writeFileSync(chained, Buffer.concat([...objects.values()]));
    assert.doesNotMatch(run(opusinfo, [chained]), /warning|error|invalid/i);
    const expected = (await decodeOpus(packets.map((packet, i) => (lost(i) ? undefined : packet)))).slice(preSkip);
    const decoded = decodeWithFfmpeg(ffmpeg, chained);
    assert.equal(decoded.length, packets.length * PACKET_SAMPLES - preSkip);
    // Not stricter: at one cut the pre-roll itself is lost, and the decoder begins with
    // concealment.
    assert.ok(differenceDb(decoded, expected) < -25, `${differenceDb(decoded, expected)} dB`);
    const wav = join(place.archive, 'chained.wav');
    run(opusdec, ['--quiet', '--float', chained, wav]);
    assert.deepEqual(decodeWithFfmpeg(ffmpeg, wav).length, decoded.length);
    // Each segment alone, from the position in its name.
    for (const [key, name] of [...objects.keys()].map((key) => [key, parseAudioKey(key)] as const)) {
      const alone = decodeWithFfmpeg(ffmpeg, join(place.archive, key));
      const start = Math.max(0, (name?.position ?? 0) - preSkip);
      const wanted = expected.slice(start, start + alone.length);
      if (wanted.some((sample) => Math.abs(sample) > 0.01))
        assert.ok(differenceDb(alone, wanted) < -20, `${key}: ${differenceDb(alone, wanted)} dB`);
    }
  }
});

test('opusinfo and oggz-validate find no fault in mono, stereo, packets of 2.5 to 60 ms, and chains of segments, which are as long as the voice', async (t) => {
  const [opusinfo, oggzValidate, opusdec] = ['opusinfo', 'oggz-validate', 'opusdec'].map((name) => requireTool(t, name));
  if (!opusinfo || !oggzValidate || !opusdec) return;
  const voices = [
    { channels: 1, packetMs: 2.5, seconds: 6 },
    { channels: 2, packetMs: 5, seconds: 6 },
    { channels: 2, packetMs: 10, seconds: 6 },
    { channels: 1, packetMs: 20, seconds: 90 },
    { channels: 1, packetMs: 40, seconds: 6 },
    { channels: 2, packetMs: 60, seconds: 6 },
  ] as const;
  for (const { channels, packetMs, seconds } of voices) {
    const stream = `voice-${packetMs * 10}-${channels}`;
    const epoch = mintEpoch(STARTED_MS, channels);
    const packets = await encodeVoice(seconds, { channels, packetMs });
    const frames = [encodeFrame({ stream, epoch, sequence: 0, captureUs: 0, kind: Kind.HEADER, payload: headerPayload({ channels }) })];
    // One packet in a hundred is lost, and concealed with its own length.
    for (const [i, packet] of packets.entries())
      if (i % 100 !== 37)
        frames.push(
          encodeFrame({
            ...{ stream, epoch, sequence: frames.length, captureUs: i * packetMs * 1_000, kind: Kind.AUDIO },
            position: i * packetMs * 48,
            payload: audioPayload([packet]),
          }),
        );
    const perBatch = 200 / packetMs;
    const batches = Array.from({ length: Math.ceil(frames.length / perBatch) }, (_, i) => {
      const appendTimeMs = STARTED_MS + i * 200;
      return { stream, appendTimeMs, value: batchValue(stream, epoch, frames.slice(i * perBatch, (i + 1) * perBatch), appendTimeMs) };
    });
    const place = await makePlace(t);
    await archiveUntil(await writeLog(place.directory, batches), place, { windowMs: 1_000, windowsPerCut: 1 });
    const objects = await readObjects(place.store, 'audio/');
    assert.ok(objects.size >= seconds - 1, `${objects.size} segments`);
    const chained = join(place.archive, 'chained.ogg');
    writeFileSync(chained, Buffer.concat([...objects.values()]));
    const report = run(opusinfo, [chained]);
    assert.doesNotMatch(report, /warning|error|invalid/i);
    assert.match(report, new RegExp(`Channels: ${channels}`));
    assert.equal(report.match(/New logical stream/g)?.length, objects.size);
    for (const key of objects.keys()) assert.doesNotMatch(run(oggzValidate, [join(place.archive, key)]), /error|invalid/i);
    assert.doesNotMatch(run(oggzValidate, [chained]), /error|invalid/i);
    const links = readOggOpus(new Uint8Array(Buffer.concat([...objects.values()])));
    const played = links.reduce((sum, link) => sum + link.playedSamples, 0);
    assert.equal(played, packets.length * packetMs * 48 - 312, `${stream}: every sample is played once`);
    const raw = join(place.archive, 'chained.raw');
    run(opusdec, ['--quiet', '--float', '--rate', '48000', chained, raw]);
    assert.equal(statSync(raw).size / 4 / channels, played, `${stream}: opusdec plays as many`);
  }
});

for (const avroCodec of AVRO_CODECS)
  test(`Python's avro reads every sequence exactly once (${avroCodec}), and DuckDB's sums over the Parquet equal the Avro's`, async (t) => {
    const python = requirePython(t, 'avro', 'zstandard');
    if (python === undefined) return;
    const place = await makePlace(t);
    await archiveUntil(await writeLog(place.directory, makeLog(4711, 100, packetOf)), place, { avroCodec });
    const program = `
import glob, json, sys
from avro.datafile import DataFileReader
from avro.io import DatumReader
seen, kinds, sizes, marks = set(), {}, {}, 0
for path in glob.glob(sys.argv[1] + '/frames/**/*.avro', recursive=True):
    for row in DataFileReader(open(path, 'rb'), DatumReader()):
        key = (row['stream'], row['epoch'], row['sequence'])
        assert key not in seen, key
        assert row['labels'] == {'7': 'seven', 'room': 'test'}
        assert row['append_time'].year == 2026 and row['received_time'].year == 2026
        seen.add(key)
        kinds[row['kind']] = kinds.get(row['kind'], 0) + 1
        sizes[row['kind']] = sizes.get(row['kind'], 0) + len(row['frame'])
for path in glob.glob(sys.argv[1] + '/marks/**/*.avro', recursive=True):
    for row in DataFileReader(open(path, 'rb'), DatumReader()):
        assert row['mark'] in ('DROPPED', 'END')
        marks += 1
print(json.dumps({'frames': len(seen), 'kinds': kinds, 'sizes': sizes, 'marks': marks}))
`;
    const avro: { frames: number; kinds: Record<string, number>; sizes: Record<string, number>; marks: number } = JSON.parse(
      run(python, ['-c', program, place.archive]),
    );
    assert.ok(avro.frames > 1_000 && avro.marks > 0);
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    const result = await connection.runAndReadAll(`
    select sum(header_frames), sum(audio_frames), sum(motion_frames), sum(event_frames), sum(header_bytes), sum(audio_bytes), sum(motion_bytes),
      sum(event_bytes), sum(other_frames), count(distinct stream), min(window_start)::varchar, max(hour)::varchar, min(labels->>'room')
    from read_parquet('${place.archive}/statistics/**/*.parquet', hive_partitioning = true)`);
    const [row] = result.getRows();
    const sums = row?.map((value) => (typeof value === 'bigint' ? Number(value) : value));
    connection.closeSync();
    const others = Object.entries(avro.kinds).reduce((sum, [kind, frames]) => sum + (Number(kind) >= 64 ? frames : 0), 0);
    assert.deepEqual(sums, [
      ...[1, 2, 3, 4].map((kind) => avro.kinds[kind] ?? 0),
      ...[1, 2, 3, 4].map((kind) => avro.sizes[kind] ?? 0),
      others,
      3,
      sums?.[10],
      '18',
      'test',
    ]);
    assert.match(String(sums?.[10]), /^2026-05-03 17:59:\d0/);
  });
