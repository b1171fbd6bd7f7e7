// `hayate archive ls`: lists the broadcasts of an archive, one line with the path for each, oldest
// first. It reads the objects themselves, so the list is correct for any archive, even while a
// server writes it.
import { cleanText, epochFromText } from '@hayate/protocol';
import { storeFlags } from '../adapter-flags.ts';
import { openArchive, storeAddress } from '../adapters.ts';
import { audioPrefix } from '../archive/layout/path.ts';
import { type ArchivedBroadcast, listBroadcasts } from '../archive/read/catalog.ts';
import { defineFlags } from '../kernel/flag.ts';
import { secondText } from '../kernel/time-text.ts';
import { defineCommand } from './command.ts';
import { clockText } from './progress.ts';
import { checkStreamName } from './stream-argument.ts';
import { textTable } from './table.ts';
import { terminalJson } from './terminal-text.ts';

const flags = defineFlags({
  stream: { kind: 'string', positional: true, help: 'only the broadcasts of this stream' },
  ...storeFlags,
  json: { kind: 'boolean', help: 'print a JSON object for each broadcast instead of a table' },
});

/** The table cuts a title that is longer than this; --json prints all of it. */
const TITLE_COLUMNS = 32;

/** A broadcast as it is printed. */
interface BroadcastRow {
  stream: string;
  /** 16 hex digits. */
  epoch: string;
  /** ISO 8601, UTC. */
  startedAt: string;
  title: string;
  /** From the start of the broadcast to the end of its last voice. */
  durationMs: number;
  /** Number of audio objects. */
  segments: number;
  bytes: number;
  /** The folder of these objects. */
  path: string;
}

export const archiveLs = defineCommand({
  name: 'archive ls',
  summary: 'list the broadcasts in an archive',
  details: 'A broadcast appears here when its first voice is archived: within about a minute, or when the server drains.',
  flags,
  async run({ stream, json, ...settings }, io) {
    if (stream !== undefined) checkStreamName(stream);
    const store = await openArchive(settings);
    try {
      const broadcasts: BroadcastRow[] = [];
      for await (const broadcast of listBroadcasts(store, stream === undefined ? {} : { stream }))
        broadcasts.push(rowOf(broadcast, storeAddress(settings)));
      broadcasts.sort((a, b) => (a.epoch < b.epoch ? -1 : a.epoch > b.epoch ? 1 : 0));
      io.stdout.write(json ? broadcasts.map((broadcast) => `${terminalJson(broadcast)}\n`).join('') : table(broadcasts));
    } finally {
      await store.close();
    }
    return 0;
  },
});

function rowOf({ stream, epoch, startedAt, audioSegments }: ArchivedBroadcast, address: string): BroadcastRow {
  return {
    stream,
    epoch,
    startedAt: startedAt.toISOString(),
    // Archives written before titles were checked may hold any characters.
    title: cleanText(audioSegments.at(-1)?.title ?? ''),
    durationMs: Math.round(Math.max(0, ...audioSegments.map(({ position, durationMs }) => position / 48 + durationMs))),
    segments: audioSegments.length,
    bytes: audioSegments.reduce((sum, { size }) => sum + size, 0),
    path: `${address}/${audioPrefix(stream, epochFromText(epoch))}`,
  };
}

function table(broadcasts: readonly BroadcastRow[]): string {
  const rows = broadcasts.map(({ stream, epoch, startedAt, title, durationMs, segments, bytes, path }) => [
    stream,
    epoch,
    secondText(Date.parse(startedAt)),
    clockText(durationMs),
    String(segments),
    String(bytes),
    title,
    path,
  ]);
  const headings = ['STREAM', 'EPOCH', 'STARTED', 'DURATION', 'SEGMENTS', 'BYTES', 'TITLE', 'PATH'];
  return textTable([headings, ...rows], { widest: new Map([[headings.indexOf('TITLE'), TITLE_COLUMNS]]) });
}
