// `hayate archive ls`: what an archive holds, a line for each broadcast with its path, oldest first. Reads the objects
// themselves, so it is true of any archive, also of one that a server is writing.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { epochStartedMs, epochText, isStreamName } from '@hayate/protocol';
import { audioPrefix, parseAudioKey } from '../archiver/path.ts';
import { readOggOpus } from '../format/ogg/index.ts';
import { HayateError } from '../kernel/error.ts';
import { defineFlags } from '../kernel/flag.ts';
import type { Store } from '../store/store.ts';
import { openFsStore } from '../store/store-fs.ts';
import { defineCommand } from './command.ts';
import { clockText } from './progress.ts';

const flags = defineFlags({
  stream: { kind: 'string', positional: true, help: 'only the broadcasts of this stream' },
  data: { kind: 'string', default: './data', placeholder: 'DIR', help: "the server's data directory" },
  json: { kind: 'boolean', help: 'print a JSON object for each broadcast instead of a table' },
});

/** One broadcast as the archive holds it. */
interface ArchivedBroadcast {
  stream: string;
  /** 16 hex digits. */
  epoch: string;
  /** ISO 8601. */
  started: string;
  /** From the beginning of the broadcast to the end of its last voice. */
  durationMs: number;
  segments: number;
  bytes: number;
  /** Where its voice lies. */
  path: string;
}

export const archiveLs = defineCommand({
  name: 'archive ls',
  summary: 'list the broadcasts in an archive',
  details: 'A broadcast appears here once its first segment of voice is written, about a minute after it began.',
  flags,
  async run({ stream, data, json }, io) {
    if (stream !== undefined && !isStreamName(stream)) throw new HayateError('CONFIGURATION', `"${stream}" is not a stream name`);
    const directory = join(data, 'archive');
    await stat(directory).catch((cause: unknown) => {
      throw new HayateError('NOT_FOUND', `there is no archive in ${data}`, { cause });
    });
    const store = await openFsStore({ directory });
    try {
      const broadcasts = await archivedBroadcasts(store, directory, stream);
      io.stdout.write(json ? broadcasts.map((broadcast) => `${JSON.stringify(broadcast)}\n`).join('') : table(broadcasts));
    } finally {
      await store.close();
    }
    return 0;
  },
});

async function archivedBroadcasts(store: Store, directory: string, stream: string | undefined): Promise<ArchivedBroadcast[]> {
  const found = new Map<string, ArchivedBroadcast & { epochNumber: bigint; last: { key: string; position: number } }>();
  for await (const { key, size } of store.list(stream === undefined ? 'audio/' : audioPrefix(stream))) {
    const name = parseAudioKey(key);
    if (name === undefined) continue;
    const path = audioPrefix(name.stream, name.epoch);
    const known = found.get(path);
    const last = { key, position: name.position };
    if (known === undefined) {
      const started = new Date(epochStartedMs(name.epoch)).toISOString();
      const entry = { stream: name.stream, epoch: epochText(name.epoch), started, durationMs: 0, segments: 1, bytes: size };
      found.set(path, { ...entry, path: join(directory, path), epochNumber: name.epoch, last });
      continue;
    }
    known.segments++;
    known.bytes += size;
    if (name.position >= known.last.position) known.last = last;
  }
  const ordered = [...found.values()].sort((a, b) => (a.epochNumber < b.epochNumber ? -1 : a.epochNumber > b.epochNumber ? 1 : 0));
  return Promise.all(
    ordered.map(async ({ epochNumber: _, last, ...broadcast }) => {
      // Removed by retention meanwhile: its beginning is all that is known.
      const bytes = await store.get(last.key);
      const samples = bytes === undefined ? 0 : readOggOpus(bytes).reduce((sum, link) => sum + link.playedSamples, 0);
      return { ...broadcast, durationMs: Math.round((last.position + samples) / 48) };
    }),
  );
}

function table(broadcasts: readonly ArchivedBroadcast[]): string {
  const rows = [
    ['STREAM', 'EPOCH', 'STARTED', 'DURATION', 'SEGMENTS', 'BYTES', 'PATH'],
    ...broadcasts.map(({ stream, epoch, started, durationMs, segments, bytes, path }) => [
      stream,
      epoch,
      started.replace('T', ' ').slice(0, 19),
      clockText(durationMs),
      String(segments),
      String(bytes),
      path,
    ]),
  ];
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}
