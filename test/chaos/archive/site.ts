// A service under attack: `hayate serve` processes over one log and one store, behind a front door,
// and broadcasters that outlive them. In: the log, the store, and the roles of processes. Out:
// processes to attack, the acknowledgements of the broadcasters, and the archive after the drain.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Viewer } from '@hayate/client';
import { openLog } from '../../../packages/server/src/adapters.ts';
import { signToken } from '../../../packages/server/src/auth/sign-token.ts';
import { createContext } from '../../../packages/server/src/kernel/context.ts';
import { parseFlags } from '../../../packages/server/src/kernel/flag.ts';
import type { Log } from '../../../packages/server/src/log/log.ts';
import { serveFlags } from '../../../packages/server/src/serve-flags.ts';
import { cleanUp } from '../../support/clean-up.ts';
import { type ServerProcess, startHayateServer } from '../../support/hayate.ts';
import { poll } from '../../support/poll.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { type FrontDoor, openFrontDoor } from '../front-door.ts';
import { Broadcasting } from './broadcasting.ts';
import { COMPILED } from './compiled.ts';
import { fsStoreSite, type StoreSite } from './store-site.ts';

const SECRET = 'a secret that every process of this site knows';
/** Far longer than these tests move any clock. */
const TOKEN_SECONDS = 7 * 86_400;
const WAIT_MS_MAX = 60_000;
/** Polling metrics takes time from the processes, so the pauses are longer than usual. */
const PAUSE_MS_MAX = 150;

/** Length of a window. Two windows make a cut, so that objects are being written at any moment. */
export const WINDOW_MS = 500;
const frequentCuts = ['--archive-window-ms', String(WINDOW_MS), '--archive-cut-windows', '2', '--append-retry-ms', '100'];

/** The roles of a process: all, or one side of the log. */
export type Part = 'all' | 'streamer' | 'archiver';

const rolesOf: Readonly<Record<Part, string>> = {
  all: 'streamer,listener,archiver,api',
  // Includes a listener: without it the in-memory shards would reach no listener, and these tests
  // do not test shards.
  streamer: 'streamer,listener',
  archiver: 'archiver',
};

/** A server process. */
export interface SiteProcess extends ServerProcess {
  readonly part: Part;
  /** The name under which it has its partitions, in a cluster. */
  readonly name: string;
}

/** The reason for which a process is not ready; empty when it is ready. */
export async function unreadyReason({ port }: SiteProcess): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(5_000) });
  return answer.ok ? '' : await answer.text();
}

/** Options of a site. */
export interface SiteOptions {
  /**
   * Flags that select the log of a cluster, which any number of processes may use. Default: the
   * embedded log.
   */
  readonly log?: readonly string[];
  /** Default: the embedded store. */
  readonly store?: StoreSite;
  /** Passed to every server. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Seed of the broadcasters' content. */
  readonly seed: number;
  /** Folder for all data. Default: a folder that is removed after the test. */
  readonly folder?: string;
}

/** A service and its broadcasters. */
export class Site {
  readonly t: TestContext;
  /** Folder for everything that the site stores, including journals. */
  readonly folder: string;
  readonly data: string;
  readonly store: StoreSite;
  readonly door: FrontDoor;
  readonly processes: SiteProcess[] = [];
  readonly broadcasts: Broadcasting[] = [];
  /** Whether its processes share a log. */
  readonly clustered: boolean;
  readonly #options: SiteOptions;
  #started = 0;
  /** The faults so far, with counts. */
  readonly #faults = new Map<string, number>();

  private constructor(t: TestContext, options: SiteOptions, folder: string, door: FrontDoor) {
    this.t = t;
    this.#options = options;
    this.clustered = options.log !== undefined;
    this.folder = folder;
    this.data = join(folder, 'data');
    this.store = options.store ?? fsStoreSite(join(this.data, 'archive'));
    this.door = door;
  }

  /** Opens an empty site, which is removed after the test. */
  static async open(t: TestContext, options: SiteOptions): Promise<Site> {
    return new Site(t, options, options.folder ?? tempDir(t), await openFrontDoor(t));
  }

  /**
   * Starts a server process, which receives broadcasters from then on. With the name of a process
   * that has ended, it gets that process's partitions back.
   */
  async start(part: Part, name = `${part}-${this.#started}`): Promise<SiteProcess> {
    const { env = {} } = this.#options;
    this.#started++;
    const flags = ['--roles', rolesOf[part], '--jwt-secret', SECRET, ...this.#flags()];
    if (this.clustered && part !== 'streamer') flags.push('--kafka-instance-id', name);
    const server = await startHayateServer(this.t, { data: this.data, flags, env: { ...COMPILED, ...env, ...this.store.env } });
    const process: SiteProcess = { part, name, ...server };
    this.processes.push(process);
    if (part !== 'archiver') this.door.open(process.port);
    return process;
  }

  /** The processes of a part, oldest first. */
  of(part: Part): SiteProcess[] {
    return this.processes.filter((process) => process.part === part);
  }

  /** The oldest process of a part. Throws if there is none. */
  first(part: Part): SiteProcess {
    const [first] = this.of(part);
    assert.ok(first !== undefined, `no ${part} runs`);
    return first;
  }

  /**
   * Sends SIGKILL at once; resolves when the process has ended. Data that it had not made durable
   * is lost.
   */
  async kill(victim: SiteProcess): Promise<void> {
    victim.process.kill('SIGKILL');
    await this.gone(victim);
  }

  /** Resolves when a killed process has ended, and counts the kill. */
  async gone(victim: SiteProcess): Promise<void> {
    assert.deepEqual(await victim.process.exit, { code: null, signal: 'SIGKILL' }, victim.process.lines.join('\n'));
    this.count('kills');
    this.#remove(victim);
  }

  /** SIGTERM: it drains and exits with 0. */
  async stop(one: SiteProcess): Promise<void> {
    this.#remove(one);
    one.process.kill('SIGTERM');
    assert.deepEqual(await one.process.exit, { code: 0, signal: null }, one.process.lines.join('\n'));
  }

  /** SIGSTOP; the front door notices, and sends its clients elsewhere. */
  freeze(victim: SiteProcess): void {
    victim.process.kill('SIGSTOP');
    this.count('freezes');
    this.door.close(victim.port);
    this.door.cut(victim.port);
  }

  /** SIGCONT: the process continues as if nothing had happened. */
  thaw(victim: SiteProcess): void {
    victim.process.kill('SIGCONT');
    if (victim.part !== 'archiver') this.door.open(victim.port);
  }

  /** Starts a broadcaster; by default through the site's own front door. */
  async broadcast(stream: string, options: { door?: FrontDoor; queueMs?: number } = {}): Promise<Broadcasting> {
    const { door = this.door, ...rest } = options;
    const number = this.broadcasts.length;
    const broadcasting = new Broadcasting(this.t, {
      server: door.url,
      stream,
      token: await this.token(),
      journal: join(this.folder, `${number}-${stream}.journal`),
      seed: this.#options.seed + number,
      // Long enough that no frame is dropped because of its age.
      queueMs: 600_000,
      ...rest,
    });
    this.broadcasts.push(broadcasting);
    return broadcasting;
  }

  /** Begins to watch a stream with the SDK. */
  async watch(stream: string): Promise<Viewer> {
    const viewer = new Viewer({ server: this.door.url, stream, token: await this.token() });
    cleanUp(this.t, () => viewer.close());
    await viewer.connect();
    return viewer;
  }

  /** A token for all streams. */
  async token(): Promise<string> {
    const grants = { publish: ['*'], watch: ['*'], moderate: ['*'] };
    return (await signToken({ subject: 'chaos', grants, ttlSeconds: TOKEN_SECONDS }, Buffer.from(SECRET))).token;
  }

  /**
   * Waits for a condition while broadcasts continue. When a broadcaster has failed or time is up,
   * it fails with the output of all processes.
   */
  async until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const met = async () => this.broadcasts.find(({ failed }) => failed) ?? ((await condition()) ? 'met' : undefined);
    const result = await poll(what, met, { timeoutMs: WAIT_MS_MAX, pauseMsMax: PAUSE_MS_MAX }).catch((error: unknown) => error);
    if (result !== 'met') throw new Error(`gave up waiting for ${what}:\n${await this.#said()}`, { cause: result });
  }

  /**
   * Waits until every running broadcaster is connected and everything it has sent so far is
   * acknowledged.
   */
  async untilCaughtUp(): Promise<void> {
    const newest = this.broadcasts.map((one) => one.newest());
    await this.until('the acknowledgement of everything sent', () =>
      this.broadcasts.every((one, i) => one.ended || (one.live && one.hasSettled(newest[i] ?? { epoch: '', sequence: -1 }))),
    );
  }

  /**
   * Starts broadcasts, and waits until each of them is live and has been acknowledged: a
   * broadcaster that loses its first connection gives up.
   */
  async broadcastAll(streams: readonly string[]): Promise<void> {
    for (const stream of streams) await this.broadcast(stream);
    await this.until('every broadcast to be acknowledged', () =>
      this.broadcasts.every(({ live, journal }) => live && journal.acknowledgements() > 1),
    );
  }

  /** Waits until the broadcasters have received `count` more acknowledgements in total. */
  async untilAcknowledged(count: number): Promise<void> {
    const had = () => this.broadcasts.reduce((sum, { journal }) => sum + journal.acknowledgements(), 0);
    const before = had();
    await this.until(`${count} more acknowledgements`, () => had() >= before + count);
  }

  /** Ends every running broadcast, and waits until everything it sent is acknowledged. */
  async endBroadcasts(): Promise<void> {
    for (const one of this.broadcasts) if (!one.ended) one.command('end');
    await this.until('the end of every broadcast', () => this.broadcasts.every(({ ended }) => ended));
    for (const { process } of this.broadcasts) assert.deepEqual(await process.exit, { code: 0, signal: null }, process.lines.join('\n'));
  }

  /** Stops every process, those that feed the log first. */
  async stopAll(): Promise<void> {
    for (const part of ['streamer', 'all', 'archiver'] as const) await Promise.all(this.of(part).map((process) => this.stop(process)));
  }

  /** A metric, summed over all processes of a part. */
  async sum(part: Part, metric: string, label = ''): Promise<number> {
    const values = await Promise.all(this.of(part).map((process) => process.metric(metric, label)));
    return values.reduce((total, value) => total + value, 0);
  }

  /** The site's log, to be read after all processes have ended. */
  async openLog(): Promise<Log> {
    const settings = parseFlags(serveFlags, ['--data', this.data, ...this.#flags()], {});
    return openLog(settings, createContext({ logLevel: 'silent' }));
  }

  /** Counts a fault of the site, for the report. */
  count(what: string, times = 1): void {
    this.#faults.set(what, (this.#faults.get(what) ?? 0) + times);
  }

  /** The faults so far, with counts. */
  get faults(): ReadonlyMap<string, number> {
    return this.#faults;
  }

  #flags(): string[] {
    const { log = [], flags = [] } = this.#options;
    return [...frequentCuts, ...log, ...this.store.flags, ...flags];
  }

  /** The last lines of every process, and the status of those that answer. */
  async #said(): Promise<string> {
    const said = this.broadcasts.flatMap(({ stream, process }) => process.lines.slice(-12).map((line) => `${stream}: ${line}`));
    for (const one of this.processes) {
      const lines = one.process.lines.slice(-12);
      const reason = await unreadyReason(one).catch((error: unknown) => `no answer: ${String(error)}`);
      said.push(...[...lines, `unready: ${reason.trim()}`].map((line) => `${one.name}: ${line}`));
    }
    return said.join('\n');
  }

  #remove(one: SiteProcess): void {
    this.door.close(one.port);
    const index = this.processes.indexOf(one);
    if (index >= 0) this.processes.splice(index, 1);
  }
}
