// Compares the content of the archive with the appended batches, counted here by other means than
// the archiver's.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { AudioSchema, epochText, framePayload, Kind, opusPacketSamples, peekFrame } from '@hayate/protocol';
import { compareBroadcasts } from '../../packages/server/src/archive/layout/broadcast-name.ts';
import { decodeManifest } from '../../packages/server/src/archive/layout/manifest.ts';
import { readObjectDigest } from '../../packages/server/src/archive/layout/object-digest.ts';
import { parseAudioKey } from '../../packages/server/src/archive/layout/path.ts';
import { listBroadcasts } from '../../packages/server/src/archive/read/catalog.ts';
import { decodeFrames } from '../../packages/server/src/archive/read/frame-reader.ts';
import { readStatistics } from '../../packages/server/src/archive/read/statistics-reader.ts';
import type { FrameRow } from '../../packages/server/src/archive/row/frame-row.ts';
import { MARK_TABLE } from '../../packages/server/src/archive/row/mark-row.ts';
import type { StatisticsRow } from '../../packages/server/src/archive/row/statistics-row.ts';
import { readAvro, readAvroHeader } from '../../packages/server/src/format/avro/index.ts';
import { isConcealment, readOggOpus, tagValue } from '../../packages/server/src/format/ogg/index.ts';
import { type AppendedBatch, makeLog } from '../support/archive-broadcast.ts';
import { archiveUntil, makePlace, readObjects, writeLog } from '../support/archive-run.ts';

const packetOf = (index: number) => Uint8Array.of(0x78, index & 255, (index >> 8) & 255, 7);

/**
 * Returns the keys of an output after checking that their ranges follow one another from 0 without
 * gap or overlap.
 */
function tiles(keys: Iterable<string>, output: string): string[] {
  const found = [...keys].filter((key) => key.startsWith(`${output}/`));
  let next = 0;
  for (const key of found.toSorted((a, b) => (a.slice(-50) < b.slice(-50) ? -1 : 1))) {
    const [, start, end] = /\/(\d{20})-(\d{20})\.\w+$/.exec(key) ?? [];
    assert.equal(Number(start), next, key);
    assert.ok(Number(end) > next);
    next = Number(end);
  }
  return found;
}

for (const seed of [1, 20_201, 777_777]) {
  test(`everything appended is in the archive exactly once (seed ${seed})`, async (t) => {
    const batches = makeLog(seed, 150, packetOf);
    const place = await makePlace(t);
    const end = await writeLog(place.directory, batches);
    await archiveUntil(end, place, { windowsPerCut: 2, audioHoleMs: 3_000 });
    const objects = await readObjects(place.store);
    const get = (key: string) => objects.get(key) ?? assert.fail(key);

    const firstCopies = new Map<string, { bytes: Uint8Array; batch: AppendedBatch }>();
    let appended = 0;
    for (const batch of batches)
      for (const { sequence, bytes } of batch.frames) {
        appended++;
        const id = `${batch.stream}/${epochText(batch.epoch)}/${sequence}`;
        if (!firstCopies.has(id)) firstCopies.set(id, { bytes, batch });
      }

    const rows: FrameRow[] = tiles(objects.keys(), 'frames').flatMap((key) => {
      const rows = decodeFrames(key, get(key));
      const header = readAvroHeader(get(key));
      for (const row of rows) {
        assert.ok(row.offset >= Number(header.metadata['hayate.start']) && row.offset < Number(header.metadata['hayate.end']));
        assert.ok(key.includes(`dt=2026-05-03/hour=${new Date(row.append_time).toISOString().slice(11, 13)}/`), key);
      }
      const sorted = rows.toSorted((a, b) => compareBroadcasts(a, b) || a.offset - b.offset || a.index - b.index);
      assert.deepEqual(rows, sorted, `${key} is sorted by broadcast, then log order`);
      return rows;
    });
    assert.equal(rows.length, firstCopies.size);
    for (const row of rows) {
      const { bytes, batch } = firstCopies.get(`${row.stream}/${row.epoch}/${row.sequence}`) ?? assert.fail();
      assert.deepEqual(new Uint8Array(row.frame), bytes);
      assert.equal(row.append_time, batch.appendTimeMs);
      assert.deepEqual({ ...row.labels }, { '7': 'seven', room: 'test' });
      const header = peekFrame(bytes);
      assert.deepEqual(
        [row.kind, row.participant, row.position, row.capture_us],
        [header.kind, header.participant, header.position, header.captureUs],
      );
      assert.deepEqual(
        new Uint8Array(row.frame.subarray(row.payload_offset, row.payload_offset + row.payload_length)),
        framePayload(bytes, header),
      );
    }

    const marks = tiles(objects.keys(), 'marks').flatMap((key) => readAvro(MARK_TABLE, get(key)).rows);
    assert.ok(marks.some(({ mark }) => mark === 'DROPPED'));

    const statistics: StatisticsRow[] = [];
    for (const key of tiles(objects.keys(), 'statistics')) statistics.push(...(await readStatistics(place.store, key)));
    const total = (pick: (row: StatisticsRow) => number) => statistics.reduce((sum, row) => sum + pick(row), 0);
    const ofKind = (kind: number) => rows.filter((row) => row.kind === kind);
    const bytesOf = (kind: number) => ofKind(kind).reduce((sum, row) => sum + row.frame.length, 0);
    assert.equal(
      total((row) => row.duplicate_frames),
      appended - firstCopies.size,
    );
    assert.deepEqual(
      [
        total((row) => row.header_frames),
        total((row) => row.audio_frames),
        total((row) => row.motion_frames),
        total((row) => row.event_frames),
      ],
      [Kind.HEADER, Kind.AUDIO, Kind.MOTION, Kind.EVENT].map((kind) => ofKind(kind).length),
    );
    assert.equal(
      total((row) => row.other_frames),
      rows.filter((row) => row.kind >= 64).length,
    );
    assert.deepEqual([total((row) => row.audio_bytes), total((row) => row.motion_bytes)], [bytesOf(Kind.AUDIO), bytesOf(Kind.MOTION)]);
    const epochs = new Map<string, number[]>();
    for (const row of rows) epochs.set(`${row.stream}/${row.epoch}`, [...(epochs.get(`${row.stream}/${row.epoch}`) ?? []), row.sequence]);
    const missing = [...epochs.values()].reduce((sum, sequences) => sum + Math.max(...sequences) + 1 - sequences.length, 0);
    assert.equal(total((row) => row.gap_frames) - total((row) => row.late_frames), missing);
    const dropped = marks.filter(({ mark }) => mark === 'DROPPED').reduce((sum, mark) => sum + mark.next_sequence - mark.first_sequence, 0);
    assert.equal(
      total((row) => row.dropped_frames),
      dropped,
    );

    // Offsets name the batches of each row; titles and levels are those of its broadcast.
    for (const row of statistics) {
      const offsets = [...batches.entries()]
        .filter(([, { stream, epoch }]) => stream === row.stream && epochText(epoch) === row.epoch)
        .filter(([, { appendTimeMs }]) => appendTimeMs - (appendTimeMs % row.window_ms) === row.window_start)
        .map(([offset]) => offset);
      assert.deepEqual([row.first_offset, row.last_offset], [offsets[0], offsets.at(-1)]);
      assert.match(row.title, new RegExp(`^(${row.stream} \\d+)?$`));
    }
    const loudest = new Map<string, number>();
    const hear = (id: string, level: number) => loudest.set(id, Math.min(level, loudest.get(id) ?? 127));
    for (const row of ofKind(Kind.AUDIO)) {
      const { level } = fromBinary(AudioSchema, framePayload(row.frame, peekFrame(row.frame)));
      if (level !== undefined) hear(`${row.stream}/${row.epoch}/${Math.floor(row.capture_us / 250_000)}`, level);
    }
    const wantedLevels = new Map(loudest);
    loudest.clear();
    for (const { stream, epoch, levels } of statistics) {
      const runs: [number, string][] = JSON.parse(levels);
      for (const [slot, hex] of runs)
        for (let i = 0; i < hex.length; i += 2) hear(`${stream}/${epoch}/${slot + i / 2}`, parseInt(hex.slice(i, i + 2), 16));
    }
    assert.ok(wantedLevels.size > 100);
    assert.deepEqual(new Map([...loudest].sort()), new Map([...wantedLevels].sort()));

    // Every packet of every voice is at its position, in the segments or in the late objects.
    const laid = new Map<string, Uint8Array>();
    let lateObjects = 0;
    for (const [key, bytes] of objects) {
      const name = parseAudioKey(key);
      if (name === undefined) continue;
      if (name.late) lateObjects++;
      const [link, more] = readOggOpus(bytes);
      assert.ok(link !== undefined && more === undefined);
      let position = name.position - Number(tagValue(link.tags, 'HAYATE_PREROLL_SAMPLES'));
      for (const { data, samples } of link.packets) {
        if (position >= name.position && !isConcealment(data)) {
          const id: string = `${name.stream}/${epochText(name.epoch)}/${name.participant}/${position}`;
          assert.ok(!laid.has(id), `${id} is laid once`);
          laid.set(id, data);
        }
        position += samples;
      }
      assert.equal(Number(tagValue(link.tags, 'HAYATE_PLAYED_SAMPLES')), link.playedSamples);
    }
    let packets = 0;
    for (const row of ofKind(Kind.AUDIO)) {
      let position = row.position;
      for (const packet of fromBinary(AudioSchema, framePayload(row.frame, peekFrame(row.frame))).packets) {
        const data = laid.get(`${row.stream}/${row.epoch}/${row.participant}/${position}`);
        assert.deepEqual(data === undefined ? undefined : Buffer.from(data), Buffer.from(packet));
        position += opusPacketSamples(packet);
        packets++;
      }
    }
    assert.equal(laid.size, packets);
    assert.equal(
      total((row) => row.audio_packets),
      packets,
    );
    assert.equal(
      total((row) => row.audio_duration_ms),
      packets * 20,
    );
    assert.equal(
      total((row) => row.audio_displaced_frames),
      0,
    );
    assert.ok(lateObjects > 0 && total((row) => row.audio_late_frames) > 0);

    // Manifests name every object once, with its digest.
    const manifests = [...objects].filter(([key]) => key.startsWith('cuts/')).map(([key, bytes]) => decodeManifest(bytes, key));
    const listed = manifests.flatMap(({ previous }) => previous?.objects ?? []);
    assert.deepEqual(listed.map(({ key }) => key).sort(), [...objects.keys()].filter((key) => !key.startsWith('cuts/')).sort());
    for (const { key, digest } of listed) assert.equal(readObjectDigest(key, get(key)), digest);
    for (const [i, manifest] of manifests.entries()) assert.equal(manifest.previous?.start, manifests[i - 1]?.start);

    const listing = [];
    for await (const broadcast of listBroadcasts(place.store)) listing.push(broadcast);
    assert.deepEqual(
      listing.flatMap(({ audioSegments }) => audioSegments.map(({ key }) => key)),
      [...objects.keys()].filter((key) => key.startsWith('audio/')),
    );
    t.diagnostic(
      `${appended} frames appended, ${rows.length} kept, ${packets} packets, ${lateObjects} late objects, ${manifests.length - 1} cuts`,
    );
  });
}
