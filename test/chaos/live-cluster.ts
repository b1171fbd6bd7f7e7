// In: the number of processes of each role, and the addresses of their Redis servers. Out: `hayate
// serve` processes with one role each, connected only by real Redis, behind one front door for
// broadcasters and one for viewers. A test can read the metrics of each process, kill it, or stop
// it.
import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { signToken } from '../../packages/server/src/auth/sign-token.ts';
import { type ServerProcess, startHayateServer } from '../support/hayate.ts';
import { tempDir } from '../support/temp-dir.ts';
import { type FrontDoor, openFrontDoor } from './front-door.ts';

const SECRET = 'a secret that every process of this cluster knows';

/** A process with one role. */
export interface ClusterProcess extends ServerProcess {
  readonly role: 'streamer' | 'listener';
}

/** Options of a cluster. */
export interface ClusterOptions {
  /** The `--shards` of a process: the same for all, or by role and number. */
  readonly shards: string | ((role: ClusterProcess['role'], index: number) => string);
  readonly streamers?: number;
  readonly listeners?: number;
  readonly flags?: readonly string[];
}

/** Processes that form one service. */
export class LiveCluster {
  readonly t: TestContext;
  readonly streamers: ClusterProcess[] = [];
  readonly listeners: ClusterProcess[] = [];
  readonly publishDoor: FrontDoor;
  readonly watchDoor: FrontDoor;
  readonly #options: ClusterOptions;
  readonly #folder: string;

  private constructor(t: TestContext, options: ClusterOptions, doors: [FrontDoor, FrontDoor]) {
    this.t = t;
    this.#options = options;
    this.#folder = tempDir(t);
    [this.publishDoor, this.watchDoor] = doors;
  }

  /** Starts all processes; they end with the test. */
  static async start(t: TestContext, options: ClusterOptions): Promise<LiveCluster> {
    const cluster = new LiveCluster(t, options, [await openFrontDoor(t), await openFrontDoor(t)]);
    const { streamers = 1, listeners = 2 } = options;
    await Promise.all([
      ...Array.from({ length: streamers }, () => cluster.add('streamer')),
      ...Array.from({ length: listeners }, () => cluster.add('listener')),
    ]);
    return cluster;
  }

  /** A token for all streams. */
  async token(): Promise<string> {
    const { token } = await signToken({ subject: 'chaos', grants: { publish: ['*'], watch: ['*'] } }, Buffer.from(SECRET));
    return token;
  }

  /** Starts one more process; clients find it from then on. Each streamer has its own log. */
  async add(role: ClusterProcess['role']): Promise<ClusterProcess> {
    const { shards, flags = [] } = this.#options;
    const all = role === 'streamer' ? this.streamers : this.listeners;
    const index = this.#started[role]++;
    const given = typeof shards === 'string' ? shards : shards(role, index);
    const server = await startHayateServer(this.t, {
      data: join(this.#folder, `${role}-${index}`),
      flags: ['--roles', role, '--shards', given, '--jwt-secret', SECRET, ...flags],
    });
    const started: ClusterProcess = { role, ...server };
    all.push(started);
    this.#doorOf(role).open(started.port);
    return started;
  }

  /** SIGKILL. Clients may still be sent to it for a moment, as in production. */
  async kill(victim: ClusterProcess): Promise<void> {
    victim.process.kill('SIGKILL');
    await victim.process.exit;
    this.#remove(victim);
  }

  /** SIGTERM: no new client is sent to it, its clients are asked to move, and it exits with 0. */
  async stop(one: ClusterProcess): Promise<void> {
    this.#remove(one);
    one.process.kill('SIGTERM');
    assert.deepEqual(await one.process.exit, { code: 0, signal: null }, one.process.lines.join('\n'));
  }

  /** A metric, summed over all running processes of a role. */
  async sum(role: ClusterProcess['role'], name: string, label = ''): Promise<number> {
    const values = await Promise.all((role === 'streamer' ? this.streamers : this.listeners).map((one) => one.metric(name, label)));
    return values.reduce((total, value) => total + value, 0);
  }

  readonly #started = { streamer: 0, listener: 0 };

  #remove(one: ClusterProcess): void {
    this.#doorOf(one.role).close(one.port);
    const all = one.role === 'streamer' ? this.streamers : this.listeners;
    all.splice(all.indexOf(one), 1);
  }

  #doorOf(role: ClusterProcess['role']): FrontDoor {
    return role === 'streamer' ? this.publishDoor : this.watchDoor;
  }
}
