// The cost of the directory. Real broadcasts of a real streamer run; a subscriber counts the
// announcements that Redis carries for them; and a real process serves listings, whose CPU time is
// measured.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { AnnouncementSchema } from '@hayate/protocol/server';
import { createClient } from 'redis';
import { type Scope, withScope } from '../load/scope.ts';
import { cpuUs } from '../load/usage.ts';
import type { Table } from '../report/outcome.ts';
import { shardList, startBroadcasters, startRole, startShards } from './cluster.ts';

/** The numbers that the capacity table needs. */
interface DirectoryCost {
  /**
   * Bytes of one stream in an announcement, from the encoder, with a title of 30 characters and an
   * avatar's name.
   */
  bytesPerStream: number;
  /**
   * CPU microseconds of a process that lists, for each second and stream, at the largest number of
   * streams measured.
   */
  listUsPerStream: number;
  tables: readonly Table[];
}

/** Longer than the interval between full announcements. */
const SECONDS = 11;

/** Measures with each number of broadcasts, one after the other. */
export async function directoryCost(sizes: readonly number[]): Promise<DirectoryCost> {
  const rows: string[][] = [];
  let listUsPerStream = 0;
  for (const streams of sizes) {
    const { messages, bytes, entries, listUs } = await withScope((scope) => measure(scope, streams));
    listUsPerStream = listUs / streams;
    rows.push([
      String(streams),
      (messages / SECONDS).toFixed(1),
      Math.round(bytes / SECONDS).toLocaleString('en'),
      entries === 0 ? '–' : (bytes / entries).toFixed(0),
      `${(listUs / 1e4).toFixed(2)} %`,
    ]);
  }
  const columns = ['streams', 'announcements/s', 'bytes/s', 'bytes an entry', 'CPU of a process that lists streams'];
  return { bytesPerStream: entryBytes(), listUsPerStream, tables: [{ title: 'Directory (measured)', columns, rows }] };
}

async function measure(scope: Scope, streams: number): Promise<{ messages: number; bytes: number; entries: number; listUs: number }> {
  const shards = await startShards(scope, 1);
  const flags = ['--shards', shardList(shards)];
  const streamer = await startRole(scope, 'streamer', flags);
  const lists = await startRole(scope, 'api', flags);
  const broadcasters = await startBroadcasters(scope, [streamer.port], { streams, rate: 2, viewers: 0, bytes: 640 });
  broadcasters.send('go');
  const counted = { messages: 0, bytes: 0, entries: 0 };
  const client = createClient({ url: shardList(shards) });
  client.on('error', () => undefined);
  await client.connect();
  const settled = Promise.withResolvers<void>();
  setTimeout(settled.resolve, 2_000);
  await settled.promise;
  const before = cpuUs(lists.pid);
  await client.subscribe(
    'directory',
    (message) => {
      counted.messages++;
      counted.bytes += message.length;
      counted.entries += fromBinary(AnnouncementSchema, message).streams.length;
    },
    true,
  );
  const over = Promise.withResolvers<void>();
  setTimeout(over.resolve, SECONDS * 1_000);
  await over.promise;
  client.destroy();
  return { ...counted, listUs: (cpuUs(lists.pid) - before) / SECONDS };
}

/** The bytes that one more stream adds to an announcement, from the real encoder. */
function entryBytes(): number {
  const stream = {
    stream: 'studio-1234567890',
    epoch: 0x19b7_6daa_800a_bcden,
    title: 'A'.repeat(30),
    avatar: 'avatar-1234567890',
    startedUnixMs: 1_780_000_000_000n,
    viewers: 200,
    bitsPerSecond: 256_000,
    nextSequence: 1_000_000n,
    generation: 1,
  };
  const bytes = (count: number) =>
    toBinary(
      AnnouncementSchema,
      create(AnnouncementSchema, { incarnation: 1n, number: 1n, streams: Array.from({ length: count }, () => stream) }),
    ).length;
  return bytes(2) - bytes(1);
}
