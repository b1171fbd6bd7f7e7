// The content of an archive on disk, as independent programs read it: Python's avro reads the
// frames and marks, DuckDB the statistics. Our strict Ogg reader reads the voice, which is compared
// with the frames that Python read.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { parseAudioKey } from '../../packages/server/src/archive/layout/path.ts';
import { readOggOpus, tagValue } from '../../packages/server/src/format/ogg/index.ts';
import { root } from '../support/process.ts';

/** One epoch of a stream, as the Avro files contain it. */
export interface ArchivedBroadcast {
  stream: string;
  /** 16 hex digits. */
  epoch: string;
  /** Sequence and the number of its rows, ascending. */
  sequences: [sequence: number, copies: number][];
  /** SHA-256 of each sequence's frame, in hex. */
  digests: [sequence: number, digest: string][];
  /** AUDIO frames in log order; packets in hex. */
  voice: [sequence: number, position: number, packets: string[]][];
  marks: [mark: 'DROPPED' | 'END', first: number, next: number, reason: number][];
}

/** Sums over the frames of one broadcast in one window; sums of 0 may be absent. */
type WindowSums = { stream: string; epoch: string; window_ms: number } & Record<string, number | string>;

/**
 * Reads all frames and marks with Python's avro; fails the test if any file or row breaks the
 * specification.
 */
export function readAvro(python: string, archive: string, windowMs = 10_000): { broadcasts: ArchivedBroadcast[]; windows: WindowSums[] } {
  const script = join(root, 'test/conformance/broadcast-archive.py');
  const { status, stdout, stderr } = spawnSync(python, [script, archive, String(windowMs)], { encoding: 'utf8', maxBuffer: 1 << 28 });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

const SUMMED = [
  ...['header', 'audio', 'motion', 'event', 'game', 'other'].flatMap((kind) => [`${kind}_frames`, `${kind}_bytes`]),
  ...['gap_frames', 'late_frames', 'audio_packets', 'level_frames'],
];

/**
 * DuckDB's sums over the statistics, in the form of `readAvro`'s windows; windows without frames
 * are left out.
 */
export async function sumStatistics(archive: string): Promise<WindowSums[]> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  try {
    const result = await connection.runAndReadAll(`
      select stream, epoch, epoch_ms(window_start) as window_ms, ${SUMMED.map((name) => `sum(${name}) as ${name}`).join(', ')},
        min(first_sequence) as first_sequence, max(last_sequence) as last_sequence,
        round(sum(audio_duration_ms) * 48) as audio_samples, round(-sum(level_mean_dbov * level_frames)) as level_sum
      from read_parquet('${archive}/statistics/**/*.parquet', hive_partitioning = false)
      group by all having max(last_sequence) is not null order by stream, epoch, window_ms`);
    return result
      .getRowObjects()
      .map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)])) as WindowSums);
  } finally {
    connection.closeSync();
  }
}

/** DuckDB returns integers as bigints. */
function plain(value: unknown): number | string {
  if (typeof value === 'string') return value;
  return value === null ? 0 : Number(value);
}

/** Removes sums of 0, so that Python's and DuckDB's can be compared. */
export function withoutZeros(windows: readonly WindowSums[]): Record<string, unknown>[] {
  return windows.map((sums) =>
    Object.fromEntries(Object.entries(sums).filter(([name, value]) => value !== 0 || name.endsWith('sequence'))),
  );
}

/**
 * Names of a broadcast's audio objects below the archive, in name order: either the `late` ones or
 * the others.
 */
export function audioFiles(archive: string, { stream, epoch }: Pick<ArchivedBroadcast, 'stream' | 'epoch'>, late = false): string[] {
  const folder = `audio/${stream}/${epoch}`;
  return readdirSync(join(archive, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name}`)
    .filter((key) => parseAudioKey(key)?.late === late)
    .sort();
}

/** A packet that the archive plays, and its place. */
interface PlayedPacket {
  /** 48 kHz samples since the epoch began. */
  position: number;
  hex: string;
  key: string;
}

/**
 * The packets of audio objects in file order, without pre-roll and without packets that only ask
 * for concealment.
 */
function playedPackets(archive: string, keys: readonly string[]): PlayedPacket[] {
  return keys.flatMap((key) => {
    const links = readOggOpus(readFileSync(join(archive, key)));
    const [link] = links;
    assert.ok(link !== undefined && links.length === 1, key);
    const preroll = Number(tagValue(link.tags, 'HAYATE_PREROLL_SAMPLES') ?? 0);
    let position = (parseAudioKey(key)?.position ?? Number.NaN) - preroll;
    const start = position + preroll;
    const played: PlayedPacket[] = [];
    for (const { data, samples } of link.packets) {
      if (position >= start && data.length > 1) played.push({ position, hex: Buffer.from(data).toString('hex'), key });
      position += samples;
    }
    return played;
  });
}

/**
 * Fails unless every packet of the broadcast's frames is in its audio objects, once, at the
 * position of its frame.
 */
export function assertVoiceIsWhole(archive: string, broadcast: ArchivedBroadcast): void {
  const keys = [...audioFiles(archive, broadcast), ...audioFiles(archive, broadcast, true)];
  const played = playedPackets(archive, keys).sort((a, b) => a.position - b.position);
  const sent = broadcast.voice.map(([, position, packets]) => {
    // The broadcasts of these tests put one packet into a frame.
    assert.equal(packets.length, 1);
    return { position, hex: packets[0] };
  });
  assert.deepEqual(
    played.map(({ position, hex }) => ({ position, hex })),
    sent.sort((a, b) => a.position - b.position),
    `${broadcast.stream}: ${keys.join(', ')}`,
  );
}

/** A line of a broadcaster's own list of acknowledgements (`hayate broadcast --ack-log`). */
export interface AckLine {
  epoch: string;
  /** All sequences before it were acknowledged, except the dropped ones. */
  nextSequence: number;
  /** Ranges, both ends included. */
  dropped: [first: number, last: number][];
}

/**
 * The complete lines of an acknowledgement list; the last line may be incomplete. Empty if there is
 * no file yet.
 */
export function readAckLog(path: string): AckLine[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return text
    .split('\n')
    .slice(0, -1)
    .map((line): AckLine => JSON.parse(line));
}

/**
 * The acknowledged sequences of a list: for each epoch, every sequence that some line was the first
 * to cover and did not declare dropped.
 */
function acknowledgedSequences(lines: readonly AckLine[]): Map<string, number[]> {
  const promised = new Map<string, number[]>();
  const covered = new Map<string, number>();
  for (const { epoch, nextSequence, dropped } of lines) {
    const sequences = promised.get(epoch) ?? [];
    promised.set(epoch, sequences);
    for (let sequence = covered.get(epoch) ?? 0; sequence < nextSequence; sequence++)
      if (!dropped.some(([first, last]) => first <= sequence && sequence <= last)) sequences.push(sequence);
    covered.set(epoch, Math.max(covered.get(epoch) ?? 0, nextSequence));
  }
  return promised;
}

/**
 * Fails unless the archive has every acknowledged sequence of the list, and none twice. Returns the
 * broadcasts of the list's epochs.
 */
export function assertAcknowledgedOnce(
  lines: readonly AckLine[],
  stream: string,
  broadcasts: readonly ArchivedBroadcast[],
): ArchivedBroadcast[] {
  const own = broadcasts.filter((broadcast) => broadcast.stream === stream);
  for (const { epoch, sequences } of own)
    assert.deepEqual(
      sequences.filter(([, copies]) => copies !== 1),
      [],
      `${stream} ${epoch} has sequences more than once`,
    );
  return [...acknowledgedSequences(lines)].map(([epoch, promised]) => {
    const broadcast = own.find((candidate) => candidate.epoch === epoch);
    assert.ok(broadcast !== undefined, `${stream} ${epoch} is not in the archive`);
    const archived = new Set(broadcast.sequences.map(([sequence]) => sequence));
    assert.deepEqual(
      promised.filter((sequence) => !archived.has(sequence)),
      [],
      `${stream} ${epoch}: acknowledged but not in the archive`,
    );
    return broadcast;
  });
}
