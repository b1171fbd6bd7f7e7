// Voices exported from real archives: each packet is the one that the broadcaster sent, and
// independent programs see a file of the right length with the right sound.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { encodeFrame, epochText, Kind, mintEpoch } from '@hayate/protocol';
import { exportVoice, type VoiceRequest } from '../../packages/server/src/archive/export/export.ts';
import { requestErasure } from '../../packages/server/src/archive/layout/erasure-record.ts';
import { dispatch } from '../../packages/server/src/cli/index.ts';
import { isConcealment, type OggOpusLink, readOggOpus, tagValue } from '../../packages/server/src/format/ogg/index.ts';
import type { Store } from '../../packages/server/src/store/store.ts';
import { audioPayload, batchValue, headerPayload, STARTED_MS, seededNumbers } from '../support/archive-broadcast.ts';
import { archiveUntil, makePlace, type Place, writeLog } from '../support/archive-run.ts';
import { requireTool } from '../support/require-tool.ts';
import { decodeOpus, decodeWithFfmpeg, differenceDb, encodeOpus, PACKET_SAMPLES, voice } from './archive-sound.ts';

const STREAM = 'speech';
const PRE_SKIP = 312;
/** The broadcaster's clock at capture time 0, Unix microseconds. */
const ORIGIN_US = STARTED_MS * 1000 + 137;

interface Sent {
  epoch: bigint;
  participant?: number;
  /** By packet number; undefined: this packet does not exist. */
  packets: readonly (Uint8Array | undefined)[];
  /** Whether packet i arrives 25 s late. */
  isLate?: (i: number) => boolean;
  startMs?: number;
}

/** Log entries of a broadcast that sends its packets in frames of three. */
function entriesOf({ epoch, participant = 0, packets, isLate = () => false, startMs = STARTED_MS }: Sent) {
  let sequence = participant * 100_000;
  const frame = (at: number, kind: number, payload: Uint8Array, position?: number) => {
    const fields = { stream: STREAM, epoch, sequence: sequence++, captureUs: at * 20_000, kind, participant, payload };
    return encodeFrame(position === undefined ? fields : { ...fields, position });
  };
  const entries: { stream: string; appendTimeMs: number; value: Uint8Array }[] = [];
  const append = (atMs: number, bytes: Uint8Array) =>
    entries.push({ stream: STREAM, appendTimeMs: startMs + atMs, value: batchValue(STREAM, epoch, [bytes], startMs + atMs) });
  append(0, frame(0, Kind.HEADER, headerPayload({ preSkip: PRE_SKIP, originUnixUs: ORIGIN_US + (startMs - STARTED_MS) * 1000 })));
  for (let i = 0; i < packets.length; i++) {
    const run: Uint8Array[] = [];
    for (let n = i; run.length < 3 && isLate(n) === isLate(i); n++) {
      const packet = packets[n];
      if (packet === undefined) break;
      run.push(packet);
    }
    if (run.length === 0) continue;
    append(i * 20 + (isLate(i) ? 25_000 : 0), frame(i, Kind.AUDIO, audioPayload(run), i * PACKET_SAMPLES));
    i += run.length - 1;
  }
  return entries;
}

async function archiveOf(t: TestContext, ...broadcasts: Sent[]): Promise<Place> {
  const place = await makePlace(t);
  const entries = broadcasts.flatMap(entriesOf).sort((a, b) => a.appendTimeMs - b.appendTimeMs);
  await archiveUntil(await writeLog(place.directory, entries), place, { windowMs: 5_000, windowsPerCut: 2, audioHoleMs: 3_000 });
  return place;
}

async function exported(store: Store, request: Partial<VoiceRequest>) {
  const parts: Uint8Array[] = [];
  const facts = await exportVoice(store, { stream: STREAM, participant: 0, ...request }, (bytes) => parts.push(bytes));
  const bytes = Buffer.concat(parts);
  const [link, more] = readOggOpus(bytes);
  assert.ok(link !== undefined && more === undefined);
  assert.equal(Math.round(facts.durationMs * 48), link.playedSamples);
  return { facts, bytes, link };
}

/** The packets of a link by position, and the position of its end. */
function laid(link: OggOpusLink): { packets: Map<number, Uint8Array>; from: number; to: number } {
  const from = Number(tagValue(link.tags, 'HAYATE_POSITION')) - Number(tagValue(link.tags, 'HAYATE_PREROLL_SAMPLES'));
  const packets = new Map<number, Uint8Array>();
  let to = from;
  for (const { data, samples } of link.packets) {
    packets.set(to, data);
    to += samples;
  }
  return { packets, from, to };
}

/** Distinct packets of 20 bytes and 20 ms. */
const packetOf = (i: number, participant = 0) => Uint8Array.of(0x78, i & 255, i >> 8, participant, ...new Uint8Array(16));

test('any part of a voice is cut to the packet: sent packets at their positions, also late ones, and concealment elsewhere', async (t) => {
  const missing = (i: number) => i % 97 === 50 || (i > 900 && i < 960) || (i >= 1_500 && i < 1_900) || (i > 2_600 && i < 2_610);
  const isLate = (i: number) => i % 211 > 200 || (i >= 1_600 && i < 1_606);
  const packets = Array.from({ length: 4_000 }, (_, i) => (missing(i) && !(i >= 1_600 && i < 1_606) ? undefined : packetOf(i)));
  const epoch = mintEpoch(STARTED_MS, 1);
  const { store } = await archiveOf(
    t,
    { epoch, packets, isLate },
    { epoch, participant: 2, packets: packets.map((_, i) => packetOf(i, 2)) },
  );
  const random = seededNumbers(8_150);
  let lateSeen = 0;
  for (let round = 0; round < 60; round++) {
    const [a, b] = [random(82_000_000), random(82_000_000)].map((us) => us / 1_000_000).sort((x, y) => x - y);
    assert.ok(a !== undefined && b !== undefined);
    const [fromSeconds, toSeconds] = round === 0 ? [0, 100] : [Math.min(a, 79), Math.max(b, a + 0.1, a > 29 && a < 39 ? 39 : 0)];
    const byClock = round % 2 === 1;
    const moment = (seconds: number) =>
      byClock ? { unixMs: (ORIGIN_US + seconds * 1_000_000 - (PRE_SKIP * 1_000_000) / 48_000) / 1000 } : { seconds };
    const participant = round % 5 === 4 ? 2 : 0;
    const { facts, link } = await exported(store, { from: moment(fromSeconds), to: moment(toSeconds), participant });
    const there = laid(link);
    const played = there.from + link.head.preSkip;
    const sent = (i: number) => (participant === 2 ? packetOf(i, 2) : packets[i]);
    const inHole = participant === 0 && fromSeconds >= 30 && fromSeconds < 38;
    if (fromSeconds === 0) assert.deepEqual([there.from, link.head.preSkip], [0, PRE_SKIP]);
    else if (!inHole) {
      const wanted = Math.floor((fromSeconds * 48_000) / PACKET_SAMPLES) * PACKET_SAMPLES;
      // Clock values are rounded to microseconds, and missing packets are concealed by packets of
      // their own.
      assert.ok(Math.abs(played - wanted) <= PACKET_SAMPLES, `round ${round}: ${played} for ${wanted}`);
      assert.ok(there.from === 0 || link.head.preSkip >= 3_840 || played <= 39 * 48_000, `round ${round}: pre-roll ${link.head.preSkip}`);
    }
    assert.ok(link.head.preSkip < 3_840 + 2 * PACKET_SAMPLES);
    const end = Math.min(toSeconds * 48_000, 4_000 * PACKET_SAMPLES);
    assert.ok(there.to >= Math.floor(end) - 1 && there.to < end + PACKET_SAMPLES + 1, `round ${round}: to ${there.to} for ${end}`);
    const startUs = ORIGIN_US + ((played - PRE_SKIP) * 1_000_000) / 48_000;
    assert.ok(Math.abs(facts.startUnixMs * 1000 - startUs) <= 1);
    assert.equal(Number(tagValue(link.tags, 'HAYATE_START_UNIX_US')), facts.startUnixMs * 1000);
    const unmatched = new Map(there.packets);
    for (let i = Math.ceil(there.from / PACKET_SAMPLES); (i + 1) * PACKET_SAMPLES <= there.to; i++) {
      const packet = sent(i);
      if (packet === undefined) continue;
      assert.deepEqual(Buffer.from(there.packets.get(i * PACKET_SAMPLES) ?? []), Buffer.from(packet), `round ${round}: packet ${i}`);
      unmatched.delete(i * PACKET_SAMPLES);
      if (isLate(i) && participant === 0) lateSeen++;
    }
    for (const [position, data] of unmatched) assert.ok(isConcealment(data), `round ${round}: a packet at ${position}`);
  }
  assert.ok(lateSeen > 100);
});

test('without an epoch the newest broadcast with voice in the given time is exported, and never an erased one', async (t) => {
  const epochs = [0, 60_000, 120_000].map((afterMs) => ({ epoch: mintEpoch(STARTED_MS + afterMs, 7), startMs: STARTED_MS + afterMs }));
  const packets = Array.from({ length: 500 }, (_, i) => packetOf(i));
  const { store } = await archiveOf(t, ...epochs.map((each) => ({ ...each, packets })));
  const [first, second, third] = epochs.map(({ epoch }) => epochText(epoch));
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  const at = (seconds: number) => ({ unixMs: STARTED_MS + seconds * 1000 });
  const epochOf = async (request: Partial<VoiceRequest>) => (await exported(store, request)).facts.epoch;
  assert.equal(await epochOf({}), third);
  assert.equal(await epochOf({ epoch: first }), first);
  assert.equal(await epochOf({ from: at(1), to: at(5) }), first);
  assert.equal(await epochOf({ from: at(62), to: at(64) }), second);
  assert.equal(await epochOf({ from: at(62) }), third);
  await assert.rejects(exported(store, { from: at(15), to: at(40) }), { code: 'NOT_FOUND' });
  await assert.rejects(exported(store, { from: { seconds: 11 } }), { code: 'NOT_FOUND' });
  await assert.rejects(exported(store, { participant: 5 }), { code: 'NOT_FOUND' });
  await assert.rejects(exported(store, { stream: 'nobody' }), { code: 'NOT_FOUND' });
  await requestErasure(store, { stream: STREAM, epoch: third }, Date.now());
  assert.equal(await epochOf({}), second);
  await assert.rejects(exported(store, { epoch: third }), { code: 'GONE' });
});

test('the file is one valid Ogg Opus file of the right length with the sound that was sent', async (t) => {
  const [opusinfo, ffprobe, ffmpeg, opusdec] = ['opusinfo', 'ffprobe', 'ffmpeg', 'opusdec'].map((name) => requireTool(t, name));
  if (!opusinfo || !ffprobe || !ffmpeg || !opusdec) return;
  const run = (program: string, args: string[]): string => {
    const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
    assert.equal(status, 0, `${program}: ${stdout}${stderr}`);
    return stdout + stderr;
  };
  const source = voice(60);
  const { packets, preSkip } = await encodeOpus(source);
  assert.equal(preSkip, PRE_SKIP);
  const place = await archiveOf(t, { epoch: mintEpoch(STARTED_MS, 3), packets, isLate: (i) => i >= 1_000 && i < 1_050 });
  const decoded = await decodeOpus(packets);
  for (const [fromSeconds, toSeconds] of [
    [0, 60],
    [9.5, 31.25],
    [20.5, 21.5],
    [58.013, 60],
  ] as const) {
    const { link, bytes }: Awaited<ReturnType<typeof exported>> = await exported(place.store, {
      from: { seconds: fromSeconds },
      to: { seconds: toSeconds },
    });
    const path = join(dirname(place.archive), 'voice.ogg');
    writeFileSync(path, bytes);
    assert.doesNotMatch(run(opusinfo, [path]), /warning|error|invalid/i);
    const seconds: number = Number(run(ffprobe, ['-v', 'error', '-show_entries', 'format=duration', '-of', 'csv=p=0', path]));
    assert.ok(
      Math.abs(seconds - (link.playedSamples + link.head.preSkip) / 48_000) < 0.001 ||
        Math.abs(seconds - link.playedSamples / 48_000) < 0.001,
    );
    const heard = decodeWithFfmpeg(ffmpeg, path);
    assert.equal(heard.length, link.playedSamples);
    const start = laid(link).from + link.head.preSkip;
    const wanted = decoded.slice(start, start + heard.length);
    assert.ok(differenceDb(heard, wanted) < -30, `from ${fromSeconds}: ${differenceDb(heard, wanted)} dB`);
    const wav = join(dirname(place.archive), 'voice.wav');
    run(opusdec, ['--quiet', '--float', '--rate', '48000', path, wav]);
    assert.ok(differenceDb(decodeWithFfmpeg(ffmpeg, wav), wanted) < -30);
  }
});

test('hayate archive export writes a file when it is complete, or to standard output', async (t) => {
  const packets = Array.from({ length: 1_000 }, (_, i) => packetOf(i));
  const place = await archiveOf(t, { epoch: mintEpoch(STARTED_MS, 4), packets });
  const data = dirname(place.archive);
  const out = join(data, 'out.ogg');
  const hayate = async (...args: string[]) => {
    const [stdout, stderr]: [Uint8Array[], string[]] = [[], []];
    const io = {
      stdout: { write: (bytes: string | Uint8Array) => stdout.push(Buffer.from(bytes)) },
      stderr: { write: (text: string | Uint8Array) => stderr.push(String(text)) },
      env: {},
      interrupted: new AbortController().signal,
    };
    const code = await dispatch(['archive', 'export', ...args, '--data', data], io);
    return { code, stdout: Buffer.concat(stdout), stderr: stderr.join('') };
  };
  const written = await hayate(STREAM, '--from', '2.5', '--to', '12', '--out', out);
  assert.equal(written.code, 0, written.stderr);
  assert.match(written.stderr, /^.*out\.ogg: 0:09 of speech\/[0-9a-f]{16} from 2026-05-03T17:59:02\.4\d\dZ\n$/);
  const iso = new Date(STARTED_MS + 2_500).toISOString();
  const piped = await hayate(STREAM, '--from', iso, '--to', '12', '--out', '-');
  assert.equal(piped.code, 0, piped.stderr);
  assert.deepEqual(piped.stdout, readFileSync(out));
  const nothing = await hayate(STREAM, '--from', '30', '--out', join(data, 'none.ogg'));
  assert.deepEqual([nothing.code, nothing.stderr], [1, 'hayate archive export: the archive has no such voice in the requested time\n']);
  const wrong = await hayate(STREAM, '--from', 'yesterday', '--out', '-');
  assert.deepEqual([wrong.code, wrong.stdout.length], [2, 0]);
  assert.deepEqual(readdirSync(data).sort(), ['archive', 'log', 'out.ogg']);
});
