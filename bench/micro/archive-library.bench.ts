// Micro benchmark: the archive's own format code against the libraries that it replaces. Frames to
// Avro rows against Python's fastavro (which is C), Opus packets to Ogg pages against libogg,
// checksums against zlib in C. Both sides get the same input, one thread, in memory, in interleaved
// rounds. CPU time is compared.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import { peekFrame } from '@hayate/protocol';
import { FRAME_TABLE } from '../../packages/server/src/archive/row/frame-row.ts';
import { decodeFrameRows } from '../../packages/server/src/archive/row/frame-row-decoder.ts';
import { FrameRowEncoder } from '../../packages/server/src/archiver/cut/frame-row-encoder.ts';
import { AvroBlocks, packAvro } from '../../packages/server/src/format/avro/index.ts';
import { oggPageCrc } from '../../packages/server/src/format/ogg/crc.ts';
import { OggOpusWriter } from '../../packages/server/src/format/ogg/index.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { makeArchiveFrames } from '../load/archive-log.ts';
import { compile } from '../load/compile.ts';
import { type Scope, withScope } from '../load/scope.ts';
import { cpuUs } from '../load/usage.ts';
import { pythonWithPeers } from '../peer/python.ts';
import type { BenchOutcome } from '../report/outcome.ts';

const execute = promisify(execFile);

/**
 * One of Hayate's stages and the library that it is compared with. Each returns CPU seconds for one
 * pass over the input.
 */
interface Contest {
  stage: string;
  library: string;
  /** Whether the goal applies to it. It does not apply to a part of another stage. */
  goal: boolean;
  /** Bytes of the input. */
  bytes: number;
  ours: () => Promise<number>;
  theirs: () => Promise<number>;
}

/** The worst stage's CPU time over its library's. */
export function run({ quick }: { quick: boolean }): Promise<BenchOutcome> {
  return withScope(async (scope) => {
    const rounds = quick ? 3 : 9;
    const contests = await makeContests(scope, quick ? 1 : 4);
    const times = contests.map(() => ({ ours: [] as number[], theirs: [] as number[] }));
    for (let round = -1; round < rounds; round++)
      for (const [i, { ours, theirs }] of contests.entries()) {
        const [own, other] = round % 2 === 0 ? [await ours(), await theirs()] : await reversed(ours, theirs);
        if (round < 0) continue;
        times[i]?.ours.push(own);
        times[i]?.theirs.push(other);
      }
    const measured = contests.map(({ stage, library, goal, bytes }, i) => {
      const [own, other] = [median(times[i]?.ours ?? []), median(times[i]?.theirs ?? [])];
      return { stage, library, goal, ratio: own / other, ours: bytes / own / 1e6, theirs: bytes / other / 1e6 };
    });
    const judged = measured.filter(({ goal }) => goal);
    const worst = Math.max(...judged.map(({ ratio }) => ratio));
    return {
      name: 'archive-library',
      ratio: worst.toFixed(2),
      unit: "× the library's CPU time, at the worst stage",
      goals: judged.map(({ stage, library, ratio }) => ({
        what: `${stage} against ${library}`,
        goal: '≤ 2 ×',
        measured: `${ratio.toFixed(2)} ×`,
        met: ratio <= 2,
      })),
      tables: [
        {
          title: 'CPU time against the library',
          columns: ['stage', 'library', 'ours, MB/s', "the library's, MB/s", 'ours over theirs'],
          rows: measured.map(({ stage, library, ratio, ours, theirs }) => [
            stage,
            library,
            ours.toFixed(0),
            theirs.toFixed(0),
            `${ratio.toFixed(2)} ×`,
          ]),
        },
      ],
      notes: [
        "MB/s are of the input: encoded frames, packets, bytes. Compression and SHA-256 are Node's zstd and OpenSSL.",
        "fastavro encodes rows that are in memory as Python objects; ours also reads the frames' headers. The log's checksum is Node's binding of zlib.",
      ],
    };
  });
}

async function reversed(ours: () => Promise<number>, theirs: () => Promise<number>): Promise<[number, number]> {
  const other = await theirs();
  return [await ours(), other];
}

/** Each contest makes `effort` times as many passes as take about a tenth of a second. */
async function makeContests(scope: Scope, effort: number): Promise<Contest[]> {
  const directory = tempDir(scope);
  const { stream, epoch, frames, packets } = await makeArchiveFrames(60);
  const frameBytes = frames.reduce((sum, { length }) => sum + length, 0);
  const packetBytes = packets.reduce((sum, { length }) => sum + length, 0);
  const encode = (): AvroBlocks => {
    const blocks = new AvroBlocks();
    const encoder = new FrameRowEncoder({ log: 'bench', partition: 0 });
    for (const [i, frame] of frames.entries()) {
      if (i % 16 === 0)
        encoder.beginBatch(i, 1_777_777_777_777, {
          stream,
          epoch,
          generation: 1,
          incarnation: 7n,
          labels: { room: 'bench', country: 'jp' },
        });
      encoder.append(blocks, i % 16, peekFrame(frame), 1_777_777_777_777_000 + i, frame);
    }
    return blocks;
  };
  const avroFile = join(directory, 'frames.avro');
  const encoded = encode().finish();
  writeFileSync(avroFile, (await packAvro(FRAME_TABLE, encoded, { codec: 'null' })).bytes);
  if ([...decodeFrameRows(encoded)].length !== frames.length) throw new Error('not every frame became a row');

  const packetFile = join(directory, 'packets');
  const prefixed = packets.map((packet) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(packet.length);
    return Buffer.concat([length, packet]);
  });
  const packed = Buffer.concat(prefixed);
  writeFileSync(packetFile, packed);
  const [python, format] = [await pythonWithPeers(), await compile('format')];
  const passes = { avro: 20 * effort, ogg: 100 * effort, crc: 1_000 * effort };
  const peer = async (passes: number, program: string, ...args: string[]): Promise<number> => {
    const { cpuSeconds }: { cpuSeconds: number } = JSON.parse((await execute(program, [...args, String(passes)])).stdout);
    return cpuSeconds / passes;
  };
  const page = packed.subarray(0, 4_096);
  return [
    {
      stage: 'frames to Avro rows',
      library: 'fastavro',
      goal: true,
      bytes: frameBytes,
      ours: timed(passes.avro, () => encode().finish()),
      theirs: () => peer(effort, python, join(import.meta.dirname, '../peer/avro-encode.py'), avroFile),
    },
    {
      stage: 'Opus packets to Ogg pages',
      library: 'libogg',
      goal: true,
      bytes: packetBytes,
      ours: timed(passes.ogg, () => {
        const writer = new OggOpusWriter({ serial: 1, channels: 1, preSkip: 312 });
        for (const packet of packets) writer.write(packet);
        writer.end();
      }),
      theirs: () => peer(passes.ogg, format, 'ogg', packetFile),
    },
    {
      stage: "Ogg's checksum in these, pages of 4 KiB",
      library: 'zlib',
      goal: false,
      bytes: packed.length,
      ours: timed(passes.crc, () => {
        for (let at = 0; at < packed.length; at += page.length) oggPageCrc(page);
      }),
      theirs: () => peer(passes.crc, format, 'crc', packetFile),
    },
    {
      stage: "the log's checksum, entries of 4 KiB",
      library: 'zlib',
      goal: true,
      bytes: packed.length,
      ours: timed(passes.crc, () => {
        for (let at = 0; at < packed.length; at += page.length) crc32(page, 7);
      }),
      theirs: () => peer(passes.crc, format, 'crc', packetFile),
    },
  ];
}

/** CPU seconds of one pass, all threads, averaged over `passes` of them. */
function timed(passes: number, pass: () => unknown): () => Promise<number> {
  return async () => {
    const before = cpuUs(process.pid);
    for (let i = 0; i < passes; i++) pass();
    return (cpuUs(process.pid) - before) / 1e6 / passes;
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
