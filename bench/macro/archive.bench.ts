// Macro benchmark: from log to objects. Broadcasts of about 160 kbps lie in the file log. The real
// archiver, in a process of its own, archives them to the fs store as fast as it can. The benchmark
// reports how many broadcasts a core archives, where the time goes, and how much memory the
// archiver takes.
import { execFile } from 'node:child_process';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ArchiverOptions } from '../../packages/server/src/archiver/archiver.ts';
import { AVRO_CODECS } from '../../packages/server/src/format/avro/index.ts';
import { root } from '../../test/support/process.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import type { ArchiveRun } from '../load/archive-child.ts';
import { type MadeLog, makeArchiveLog } from '../load/archive-log.ts';
import { withScope } from '../load/scope.ts';
import type { BenchOutcome, Table } from '../report/outcome.ts';
import { profileShares, type StageRules } from '../report/profile-share.ts';

/** Bytes a second of a broadcast of 160 kbps. */
const STREAM_BYTES = 20_000;

const MIB = 2 ** 20;

/** Where one stage lies within another, the innermost comes first. */
const STAGES: StageRules = [
  ['SHA-256', 'update@node:internal/crypto', 'digest@node:internal/crypto', 'logical-digest'],
  [
    'compression (handover)',
    'processChunk@node:zlib',
    'processCallback@node:zlib',
    'Zstd@node:zlib',
    'avro-codec',
    'compressed@avro-writer',
  ],
  ['read the log, CRC', '/log/file/'],
  ['decode batches, frames, voice', 'record-reader', 'frame-header', 'audio-reader', 'opus-packet'],
  ['Avro rows and container', 'frame-row-encoder', '/format/avro/'],
  ['Ogg Opus', '/format/ogg/', '/cut/audio-', 'segment-object', 'cut-voice'],
  ['statistics, Parquet', 'hyparquet', '/format/parquet/', 'statistics-row', 'level-runs'],
  ['manifests', '/archive/layout/manifest', 'epoch-memory'],
  ['store: write, fsync, link', '/store/', 'durable-file'],
  ['cuts, duplicates, the rest of the archiver', '/archiver/', 'range-set'],
  ['garbage collection', '(garbage collector)@'],
];

/** Broadcasts of 160 kbps that one core archives, by CPU time. */
export function run({ quick }: { quick: boolean }): Promise<BenchOutcome> {
  return withScope(async (scope) => {
    const size = quick ? { streams: 128, seconds: 30, partitions: 2 } : { streams: 1_024, seconds: 40, partitions: 16 };
    const rounds = quick ? 1 : 3;
    const directory = tempDir(scope);
    const log = join(directory, 'log');
    const made = await makeArchiveLog(log, size);
    const place = { log, archive: join(directory, 'archive') };
    const runs: ArchiveRun[] = [];
    for (let round = 0; round < rounds; round++) runs.push(await archive(place));
    const profiled = await archive(place, {}, directory);
    const byCodec: Table['rows'][number][] = [];
    for (const avroCodec of AVRO_CODECS) {
      const one = await archive(place, { avroCodec });
      byCodec.push([
        avroCodec,
        count(streams(made, one.cpuMs)),
        count(streams(made, one.wallMs)),
        percent(one.storedBytes / made.frameBytes),
      ]);
    }
    const oneCollector = await archive(place, {}, undefined, ['--single-threaded-gc']);
    const cpuMs = median(runs.map((one) => one.cpuMs));
    const wallMs = median(runs.map((one) => one.wallMs));
    const rss = Math.max(...runs.map((one) => one.rssBytesMax));
    const each = streams(made, cpuMs);
    return {
      name: 'archive',
      ratio: count(each),
      unit: 'streams of 160 kbps per core, log to objects',
      goals: [
        { what: 'streams of 160 kbps per core', goal: '≥ 3,000', measured: count(each), met: each >= 3_000 },
        {
          what: `resident memory at ${size.streams.toLocaleString('en')} streams in ${size.partitions} partitions`,
          goal: '≤ 512 MiB',
          measured: `${Math.round(rss / MIB)} MiB`,
          met: rss <= 512 * MIB,
        },
      ],
      tables: [
        {
          title: 'Log to objects',
          columns: ['', 'median', 'least', 'most'],
          rows: [
            ['MB/s of frames by CPU time, one core', ...spread(runs.map((one) => made.frameBytes / one.cpuMs / 1_000))],
            ['MB/s of frames by the clock, one process', ...spread(runs.map((one) => made.frameBytes / one.wallMs / 1_000))],
            ['streams by CPU time, one core', ...spread(runs.map((one) => streams(made, one.cpuMs)))],
            ['streams by the clock, one process', ...spread(runs.map((one) => streams(made, one.wallMs)))],
            ['system share of the CPU time, %', ...spread(runs.map((one) => (one.systemMs / one.cpuMs) * 100))],
            ['peak resident memory, MiB', ...spread(runs.map((one) => one.rssBytesMax / MIB))],
            ['longest delay of the event loop, ms', ...spread(runs.map((one) => one.stallMsMax))],
          ],
        },
        {
          title: 'Where the CPU time goes',
          columns: ['stage', 'share'],
          rows: [
            ...profileShares(profileOf(directory), STAGES).map(([stage, share]): [string, string] => [
              stage,
              percent((share * profiled.mainThreadMs) / profiled.cpuMs),
            ]),
            ['other threads: compression itself, file calls', percent(1 - profiled.mainThreadMs / profiled.cpuMs)],
          ],
        },
        {
          title: 'By compression of frames (one run each)',
          columns: ['codec', 'streams per core, CPU', 'by the clock', 'stored, of the frames’ bytes'],
          rows: byCodec,
        },
      ],
      notes: [
        `${size.streams.toLocaleString('en')} broadcasts of ${size.seconds} s in ${size.partitions} partitions: ${made.frames.toLocaleString('en')} frames, ${Math.round(made.frameBytes / 1e6)} MB, ${Math.round((made.frameBytes * 8) / size.streams / size.seconds / 1_000)} kbps each; 50 voice frames of real Opus and 30 poses of a tracked body a second, in batches of 200 ms.`,
        `V8's helper threads take part of the CPU time: with \`node --single-threaded-gc\` one core archives ${count(streams(made, oneCollector.cpuMs))} (one run).`,
        `${Math.round(wallMs)} ms by the clock. Everything is fsynced, as in production. Stored bytes hold the voice twice: in frames, and as Ogg Opus.`,
      ],
    };
  });
}

interface BenchPlace {
  log: string;
  archive: string;
}

/**
 * Archives the whole log into an empty store. With `profiles` it also writes a CPU profile to that
 * folder.
 */
async function archive(
  { log, archive: directory }: BenchPlace,
  options: ArchiverOptions = {},
  profiles?: string,
  nodeFlags: readonly string[] = [],
): Promise<ArchiveRun & { storedBytes: number }> {
  rmSync(directory, { recursive: true, force: true });
  for (const name of readdirSync(log)) if (name.startsWith('p=')) rmSync(join(log, name, 'committed'), { force: true });
  const flags = profiles === undefined ? nodeFlags : ['--cpu-prof', '--cpu-prof-dir', profiles];
  const child = [join(root, 'bench/load/archive-child.ts'), '--log', log, '--archive', directory, '--options', JSON.stringify(options)];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, ...child], { cwd: root });
  const result: ArchiveRun = JSON.parse(stdout);
  return { ...result, storedBytes: bytesBelow(directory) };
}

function bytesBelow(directory: string): number {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

function profileOf(directory: string): string {
  const name = readdirSync(directory).find((file) => file.endsWith('.cpuprofile'));
  if (name === undefined) throw new Error('the profiled run left no profile');
  return join(directory, name);
}

/** How many streams of 160 kbps a core archives if this log takes `ms`. */
const streams = ({ frameBytes }: MadeLog, ms: number): number => frameBytes / STREAM_BYTES / (ms / 1_000);

const count = (value: number): string => Math.round(value).toLocaleString('en');
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function spread(values: readonly number[]): [string, string, string] {
  const text = (value: number) => (value < 100 ? value.toFixed(1) : count(value));
  return [text(median(values)), text(Math.min(...values)), text(Math.max(...values))];
}
