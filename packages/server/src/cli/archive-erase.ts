// `hayate archive erase`: removes a stream's broadcasts from an archive for good. It first lists
// the broadcasts that it will erase, and asks. It may run while servers write the archive, and may
// be run again after any failure.
import { epochFromText, epochStartedMs } from '@hayate/protocol';
import { storeFlags } from '../adapter-flags.ts';
import { openArchive, storeAddress } from '../adapters.ts';
import { type ErasureCounts, eraseBroadcast, noCounts, whyNotErasable } from '../archive/erase/erasure.ts';
import { type FoundBroadcast, findBroadcasts } from '../archive/erase/erasure-search.ts';
import { readErasure } from '../archive/layout/erasure-record.ts';
import { HayateError } from '../kernel/error.ts';
import { defineFlags } from '../kernel/flag.ts';
import { secondText, timeText } from '../kernel/time-text.ts';
import type { Store } from '../store/store.ts';
import { defineCommand, type Io } from './command.ts';
import { Progress } from './progress.ts';
import { checkStreamName } from './stream-argument.ts';
import { textTable } from './table.ts';
import { typedTime } from './time.ts';

const flags = defineFlags({
  stream: { kind: 'string', positional: true, required: true, help: 'whose broadcasts' },
  epoch: { kind: 'string', help: 'only this broadcast, by its epoch in archive ls' },
  before: {
    kind: 'string',
    placeholder: 'TIME',
    help: 'only broadcasts that began before this time: 2026-05-03T18:00Z, 2026-05-03+09:00; without a zone only with --dry-run, as UTC',
  },
  dryRun: { kind: 'boolean', help: 'only print what would be erased' },
  yes: { kind: 'boolean', help: 'do not ask for confirmation; needed without a terminal' },
  ...storeFlags,
});

/** A broadcast, and whether it will be erased. `reason`: why it is kept. */
interface Candidate {
  broadcast: FoundBroadcast;
  reason: string | undefined;
}

export const archiveErase = defineCommand({
  name: 'archive erase',
  summary: "erase a stream's broadcasts from an archive, permanently",
  details:
    'Erases all data of each broadcast that has ended: frames, voice, marks, statistics.\n' +
    'Files shared with other broadcasts are rewritten. A record with the name and no content stays.\n' +
    'The log keeps frames until they are too old for it; a bucket with versions keeps old objects.\n' +
    'If the command is stopped, run it again: it continues.',
  flags,
  async run({ stream, epoch, before, dryRun, yes, ...settings }, io) {
    checkStreamName(stream);
    if (epoch !== undefined && !/^[0-9a-f]{16}$/.test(epoch))
      throw new HayateError('CONFIGURATION', `--epoch ${epoch} must be 16 hex digits, as printed by archive ls`);
    const beforeMs = before === undefined ? Infinity : unambiguous(io, before, dryRun);
    const store = await openArchive(settings);
    try {
      const candidates = await search(store, io, { stream, epoch, beforeMs });
      const wanted = candidates.filter(({ reason }) => reason === undefined).map(({ broadcast }) => broadcast);
      io.stdout.write(table(candidates));
      if (wanted.length === 0) {
        io.stderr.write('nothing can be erased\n');
        return 1;
      }
      if (dryRun) return 0;
      io.interrupted.throwIfAborted();
      if (!yes && !(await confirmed(io, stream, `${countText(wanted.length, 'broadcast')} of ${storeAddress(settings)}`))) {
        io.stderr.write('nothing was erased\n');
        return 1;
      }
      return await erase(store, io, wanted);
    } finally {
      await store.close();
    }
  },
});

/** Refuses a time that can be read as more than one moment. Throws CONFIGURATION. */
function unambiguous(io: Io, before: string, dryRun: boolean): number {
  const { unixMs, hasZone } = typedTime(io, 'before', before);
  if (!hasZone && !dryRun)
    throw new HayateError(
      'CONFIGURATION',
      `--before needs a zone to erase: write --before ${timeText(unixMs)} for UTC, or add a zone such as +09:00`,
    );
  return unixMs;
}

async function search(
  store: Store,
  { stderr }: Io,
  { stream, epoch, beforeMs }: { stream: string; epoch: string | undefined; beforeMs: number },
): Promise<Candidate[]> {
  let read = 0;
  const progress = new Progress(stderr, () => `searching for ${stream}: ${countText(read, 'manifest')} read`);
  try {
    const found = await findBroadcasts(store, stream, { onRead: () => read++ });
    const wanted = found.filter((one) => (epoch === undefined || one.epoch === epoch) && startedMs(one) < beforeMs);
    if (wanted.length === 0) throw new HayateError('NOT_FOUND', `the archive has no such broadcast of ${stream}`);
    return await Promise.all(wanted.map(async (broadcast) => ({ broadcast, reason: await whyKept(store, broadcast) })));
  } finally {
    progress.close();
  }
}

async function whyKept(store: Store, broadcast: FoundBroadcast): Promise<string | undefined> {
  const done = (await readErasure(store, broadcast))?.completedUnixMs;
  return done === undefined ? whyNotErasable(broadcast, Date.now()) : `erased ${secondText(done)}`;
}

async function confirmed({ ask }: Io, stream: string, what: string): Promise<boolean> {
  if (ask === undefined) throw new HayateError('CONFIGURATION', 'there is no terminal to ask: confirm with --yes');
  return (await ask(`${what} will be erased permanently. Type the stream's name to continue: `)) === stream;
}

async function erase(store: Store, io: Io, broadcasts: readonly FoundBroadcast[]): Promise<number> {
  const counts = noCounts();
  let erased = 0;
  const progress = new Progress(io.stderr, () => `broadcast ${erased + 1} of ${broadcasts.length}: ${countText(counts.cuts, 'cut')} read`);
  try {
    for (const broadcast of broadcasts) {
      try {
        await eraseBroadcast({ store, broadcast, now: Date.now, counts, signal: io.interrupted });
        erased++;
      } catch (error) {
        if (io.interrupted.aborted) throw new HayateError('CLOSED', 'interrupted; run it again to complete it', { cause: error });
        if (!(error instanceof HayateError)) throw error;
        progress.say(`${broadcast.epoch}: ${error.message}`);
      }
    }
  } finally {
    progress.close();
  }
  io.stdout.write(`erased ${countText(erased, 'broadcast')}: ${replacedText(counts)}\n`);
  return erased === broadcasts.length ? 0 : 1;
}

function replacedText({ replaced }: ErasureCounts): string {
  const { cuts, ...outputs } = replaced;
  const parts = Object.entries({ ...outputs, manifests: cuts }).filter(([, count]) => count > 0);
  return parts.length === 0 ? 'nothing was left of it' : `replaced ${parts.map(([kind, count]) => `${count} of ${kind}`).join(', ')}`;
}

function table(candidates: readonly Candidate[]): string {
  const rows = [
    ['EPOCH', 'STARTED', 'FRAMES', ''],
    ...candidates.map(({ broadcast, reason }) => [
      broadcast.epoch,
      secondText(startedMs(broadcast)),
      String(broadcast.frames),
      reason === undefined ? 'to be erased' : `stays: ${reason}`,
    ]),
  ];
  return textTable(rows);
}

function startedMs({ epoch }: FoundBroadcast): number {
  return epochStartedMs(epochFromText(epoch) ?? 0n);
}

function countText(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
