// Macro benchmark: how soon a server recovers from a SIGKILL when its log holds an hour of
// broadcasts that no archiver has read. A server starts to archive them and is killed midway. It
// starts again and catches up. It is killed again, and the last write to the log is torn. It then
// starts once more, with everything archived except the last cut.
import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startHayateServer } from '../../test/support/hayate.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { makeArchiveLog } from '../load/archive-log.ts';
import { type Scope, withScope } from '../load/scope.ts';
import type { BenchOutcome } from '../report/outcome.ts';

const STREAMS = 10;
/** Entries of one stream: one batch each. */
const ENTRIES_PER_SECOND = 5;
const CUT_SECONDS = 60;

interface Start {
  what: string;
  /** From the process's start until it accepts broadcasters, milliseconds. */
  listeningMs: number;
  /** Until the archiver's next commit, milliseconds. Undefined where there is nothing to commit. */
  commitMs: number | undefined;
}

/** Seconds of log that the server archives in a second while it catches up. */
export function run({ quick }: { quick: boolean }): Promise<BenchOutcome> {
  return withScope(async (scope) => {
    const seconds = quick ? 300 : 3_600;
    const data = join(tempDir(scope), 'data');
    const { valueBytes } = await makeArchiveLog(join(data, 'log'), { streams: STREAMS, seconds, partitions: 1 });
    const entries = STREAMS * (seconds * ENTRIES_PER_SECOND + 1);
    const lastCut = entries - STREAMS * ENTRIES_PER_SECOND * CUT_SECONDS;
    const starts: Start[] = [];

    const first = await begin(scope, data, 'nothing archived', starts);
    const middle = await reached(data, entries / 2);
    await first.kill();

    const from = committed(data);
    const second = await begin(scope, data, 'killed halfway', starts);
    const caughtUpMs = (await reached(data, lastCut)) - second.startedMs;
    await second.kill();

    tear(data);
    const third = await begin(scope, data, 'archived except the last cut, and a torn write', starts, false);
    await third.kill();

    const archivedSeconds = (lastCut - from) / (STREAMS * ENTRIES_PER_SECOND);
    const speed = archivedSeconds / (caughtUpMs / 1_000);
    return {
      name: 'recovery',
      ratio: speed.toFixed(0),
      unit: `× real time while catching up with ${STREAMS} broadcasts; ready after ${Math.round(Math.max(...starts.map(({ listeningMs }) => listeningMs)))} ms`,
      tables: [
        {
          title: `After a SIGKILL, with ${Math.round(seconds / 60)} min of log`,
          columns: ['state at the start', 'accepts broadcasters after', 'commits its next cut after'],
          rows: starts.map(({ what, listeningMs, commitMs }) => [what, ms(listeningMs), commitMs === undefined ? '' : ms(commitMs)]),
        },
      ],
      notes: [
        `A log of ${Math.round(valueBytes / 1e6)} MB: ${STREAMS} broadcasts of about 160 kbps in one partition. The times include the start of Node and of every role.`,
        `From the beginning to the kill halfway: ${ms(middle - first.startedMs)}.`,
      ],
    };
  });
}

const ms = (value: number) => `${Math.round(value).toLocaleString('en')} ms`;

async function begin(scope: Scope, data: string, what: string, starts: Start[], commits = true) {
  const before = committed(data);
  const startedMs = performance.now();
  const { process } = await startHayateServer(scope, { data });
  const listeningMs = performance.now() - startedMs;
  const commitMs = commits ? (await reached(data, before + 1)) - startedMs : undefined;
  starts.push({ what, listeningMs, commitMs });
  const kill = async () => {
    process.kill('SIGKILL');
    await process.exit;
  };
  return { startedMs, kill };
}

/** Resolves with the time at which the committed offset is `offset` or more. */
async function reached(data: string, offset: number): Promise<number> {
  const deadlineMs = performance.now() + 600_000;
  while (committed(data) < offset) {
    if (performance.now() > deadlineMs) throw new Error(`offset ${offset} is not committed; ${committed(data)} is`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return performance.now();
}

function committed(data: string): number {
  try {
    return Number(readFileSync(join(data, 'log/p=000/committed'), 'utf8'));
  } catch {
    return 0;
  }
}

/** Appends the beginning of a record, which a power cut may leave of a write. */
function tear(data: string): void {
  const partition = join(data, 'log/p=000');
  const newest = readdirSync(partition)
    .filter((name) => name.endsWith('.log'))
    .sort()
    .at(-1);
  appendFileSync(join(partition, newest ?? ''), Buffer.alloc(4_000, 0xa5));
}
