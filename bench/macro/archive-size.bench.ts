// Macro benchmark: the size of an hour of broadcasts in the archive. Real broadcasts (the demo's
// voice, an avatar that speaks and moves) pass through a real server into its log. The real
// archiver then archives that log once with each compression.
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CUT_CONFIG } from '../../packages/server/src/archive/layout/cut-config.ts';
import { readStatistics } from '../../packages/server/src/archive/read/statistics-reader.ts';
import { startArchiver } from '../../packages/server/src/archiver/archiver.ts';
import { AVRO_CODECS, type AvroCodec } from '../../packages/server/src/format/avro/index.ts';
import { createContext } from '../../packages/server/src/kernel/context.ts';
import { openFileLog } from '../../packages/server/src/log/file/open.ts';
import { openFsStore } from '../../packages/server/src/store/fs/open.ts';
import { startHayate, startHayateServer } from '../../test/support/hayate.ts';
import { root } from '../../test/support/process.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { type Scope, withScope } from '../load/scope.ts';
import { archiveCostTables } from '../report/archive-cost.ts';
import type { BenchOutcome } from '../report/outcome.ts';

const STREAMS = 4;
const DEFAULT_CODEC = CUT_CONFIG.avroCodec;
const OUTPUTS = ['frames', 'audio', 'statistics', 'marks', 'cuts'] as const;
type Output = (typeof OUTPUTS)[number];

interface Archive {
  codec: AvroCodec;
  /** Bytes of the frames as the broadcasters encoded them. */
  sentBytes: number;
  bytes: Record<Output, number>;
  objects: Record<Output, number>;
  cpuMs: number;
}

/** Bytes in the store over bytes as the broadcaster sent them, with the default compression. */
export function run({ quick }: { quick: boolean }): Promise<BenchOutcome> {
  return withScope(async (scope) => {
    const wanted = quick ? 30 : 360;
    const data = join(tempDir(scope), 'data');
    const seconds = await broadcast(scope, data, wanted);
    const archives: Archive[] = [];
    for (const codec of AVRO_CODECS) archives.push(await archive(scope, data, codec));
    const sent = archives[0]?.sentBytes ?? 0;
    const hours = (STREAMS * seconds) / 3_600;
    const taken = archives.find(({ codec }) => codec === DEFAULT_CODEC);
    if (taken === undefined) throw new Error(`no archive with ${DEFAULT_CODEC}`);
    const total = OUTPUTS.reduce((sum, output) => sum + taken.bytes[output], 0);
    const [shared, own] = [taken.objects.frames + taken.objects.statistics + taken.objects.marks + taken.objects.cuts, taken.objects.audio];
    return {
      name: 'archive-size',
      ratio: (total / sent).toFixed(2),
      unit: `bytes stored per byte sent, ${DEFAULT_CODEC}`,
      tables: [
        {
          title: 'Bytes of a broadcast hour (measured)',
          columns: ['compression of frames', ...OUTPUTS, 'together', 'of the bytes sent', 'CPU of the archiver'],
          rows: archives.map(({ codec, bytes, cpuMs }) => {
            const all = OUTPUTS.reduce((sum, output) => sum + bytes[output], 0);
            return [
              codec,
              ...OUTPUTS.map((output) => megabytes(bytes[output] / hours)),
              megabytes(all / hours),
              `${((all / sent) * 100).toFixed(0)} %`,
              `${(cpuMs / hours / 1_000).toFixed(2)} s`,
            ];
          }),
        },
        ...archiveCostTables({
          streamBytes: Object.fromEntries(OUTPUTS.map((output) => [output, taken.bytes[output] / hours])),
          streamObjects: own / hours,
          partitionObjects: shared / (hours / STREAMS),
        }),
      ],
      notes: [
        `${STREAMS} broadcasts of ${Math.round(seconds)} s in one partition, ${Math.round((sent * 8) / (STREAMS * seconds) / 1_000)} kbps each as sent: voice of the demo clip and 30 poses a second.`,
        'Outputs overlap: the voice is in the frames and again as audio, so that a player needs no other file.',
      ],
    };
  });
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(2)} MB`;

/** Broadcasts into a server without an archiver. Returns how many seconds each broadcast lasted. */
async function broadcast(scope: Scope, data: string, seconds: number): Promise<number> {
  const server = await startHayateServer(scope, { data, flags: ['--roles', 'streamer,listener,api'] });
  const clip = join(root, 'packages/server/demo/hello.ogg');
  const begin = performance.now();
  const broadcasts = Array.from({ length: STREAMS }, (_, index) =>
    startHayate(scope, ['broadcast', clip, '--loop', '--stream', `size-${index}`, '--seed', String(index), '--server', server.url]),
  );
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  for (const running of broadcasts) running.kill('SIGINT');
  for (const { exit, lines } of broadcasts)
    if ((await exit).code !== 0) throw new Error(`a broadcast failed: ${lines.slice(-3).join(' ')}`);
  const lasted = (performance.now() - begin) / 1_000;
  server.process.kill('SIGTERM');
  await server.process.exit;
  return lasted;
}

/** Archives a copy of the log with one compression. */
async function archive(scope: Scope, data: string, codec: AvroCodec): Promise<Archive> {
  const root = tempDir(scope);
  const [directory, objectsDirectory] = [join(root, 'log'), join(root, 'archive')];
  await cp(join(data, 'log'), directory, { recursive: true });
  await mkdir(objectsDirectory);
  const log = await openFileLog({ directory });
  const store = await openFsStore({ directory: objectsDirectory });
  const begin = process.cpuUsage();
  const archiver = await startArchiver({
    context: createContext({ logLevel: 'silent' }),
    log,
    store,
    options: { avroCodec: codec, upkeepMs: 0 },
  });
  await archiver.drain();
  const { user, system } = process.cpuUsage(begin);
  await archiver.close();
  await log.close();
  const archived: Archive = { codec, sentBytes: 0, bytes: count(), objects: count(), cpuMs: (user + system) / 1_000 };
  for await (const { key, size } of store.list('')) {
    const output = OUTPUTS.find((name) => key.startsWith(`${name}/`));
    if (output === undefined) continue;
    archived.bytes[output] += size;
    archived.objects[output]++;
    if (output !== 'statistics') continue;
    for (const row of await readStatistics(store, key))
      archived.sentBytes += row.header_bytes + row.audio_bytes + row.motion_bytes + row.event_bytes + row.game_bytes + row.other_bytes;
  }
  return archived;
}

function count(): Record<Output, number> {
  return { frames: 0, audio: 0, statistics: 0, marks: 0, cuts: 0 };
}
