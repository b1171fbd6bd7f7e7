// A process that archives everything in a file log into an fs store and reports the cost. Flags:
// --log, --archive, and --options (the archiver's options as JSON). Prints one line of JSON and
// ends.
import { once } from 'node:events';
import { setInterval as every } from 'node:timers';
import { parseArgs } from 'node:util';
import { type ArchiverOptions, startArchiver } from '../../packages/server/src/archiver/archiver.ts';
import { createContext } from '../../packages/server/src/kernel/context.ts';
import { openFileLog } from '../../packages/server/src/log/file/open.ts';
import { openFsStore } from '../../packages/server/src/store/fs/open.ts';

/** The cost of archiving a log. */
export interface ArchiveRun {
  wallMs: number;
  cpuMs: number;
  /** The system's part of the CPU time. */
  systemMs: number;
  /** The main thread's part of the CPU time. */
  mainThreadMs: number;
  /** Resident memory: before the run, and the maximum. */
  idleRssBytes: number;
  rssBytesMax: number;
  /** Longest time for which the event loop was blocked. */
  stallMsMax: number;
}

const { values } = parseArgs({
  options: { log: { type: 'string' }, archive: { type: 'string' }, options: { type: 'string', default: '{}' } },
});
const { log: directory, archive } = values;
if (directory === undefined || archive === undefined) throw new Error('flags');
const options: ArchiverOptions = { upkeepMs: 0, ...JSON.parse(values.options) };
const log = await openFileLog({ directory, retainBytes: 2 ** 40 });
const store = await openFsStore({ directory: archive });
const idleRssBytes = process.memoryUsage.rss();
const cpu = process.cpuUsage();
const thread = process.threadCpuUsage();
const begin = performance.now();
let last = begin;
let stallMsMax = 0;
const timer = every(() => {
  stallMsMax = Math.max(stallMsMax, performance.now() - last - 5);
  last = performance.now();
}, 5);
const archiver = await startArchiver({ context: createContext({ logLevel: 'warn' }), log, store, options });
// The archiver's ticks follow all entries in the log. When the ticks are committed, so are the
// entries.
await archiver.drain?.();
const wallMs = performance.now() - begin;
const { user, system } = process.cpuUsage(cpu);
const main = process.threadCpuUsage(thread);
clearInterval(timer);
const stopped = archiver.unready();
await archiver.close();
await log.close();
if (stopped !== undefined) throw new Error(stopped);
const run: ArchiveRun = {
  wallMs,
  cpuMs: (user + system) / 1_000,
  systemMs: system / 1_000,
  mainThreadMs: (main.user + main.system) / 1_000,
  idleRssBytes,
  rssBytesMax: process.resourceUsage().maxRSS * 1_024,
  stallMsMax,
};
if (!process.stdout.write(`${JSON.stringify(run)}\n`)) await once(process.stdout, 'drain');
