// Servers that can be compared with one another: how each is started, and which dialect its viewers
// speak.
import { fileURLToPath } from 'node:url';
import { Child } from '../load/child.ts';
import { compile, compileGo } from '../load/compile.ts';
import { LoadClient, type LoadOptions, type LoadReport } from '../load/load-client.ts';
import type { Scope } from '../load/scope.ts';
import { cpuUs } from '../load/usage.ts';
import { benchToken } from './secret.ts';

/** A server and its protocol. */
export interface Contestant {
  name: string;
  /** A C program, a Go program, or a module of bench/peer. */
  program: 'floor' | 'centrifuge' | 'ws-server' | 'socket-io-server' | 'hayate-server';
  /** The server's own flags. */
  flags?: readonly string[];
  speaks: Pick<LoadOptions, 'dialect' | 'path'>;
}

/** The load on one contestant. */
export interface FanOutLoad {
  streams: number;
  /** Viewers of all streams together. */
  viewers: number;
  /** Payloads a second for each stream. */
  rate: number;
  bytes: number;
}

/** Cores that the servers and the load client are bound to, where the machine has two. */
export interface Cores {
  server?: number | undefined;
  load?: number | undefined;
}

/** The result of one round. */
export interface Round {
  /** CPU microseconds of the server, user and system, for each delivery. */
  usPerDelivery: number;
  /**
   * Share of a core that the load client used, 0 to 1. Near 1 the round would measure the load
   * client.
   */
  loadShare: number;
  report: LoadReport;
}

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
/** Interval at which the load client looks for messages. */
const POLL_US = 500;
/** Wait between `go` and the measurement. */
const SETTLE_MS = 300;
/** If no message comes for this long, all have arrived. */
const QUIET_MS = 60;

/** The command that starts a contestant. */
async function programOf(program: Contestant['program']): Promise<[string, ...string[]]> {
  if (program === 'floor') return [await compile('floor')];
  if (program === 'centrifuge') return [await compileGo('centrifuge')];
  return [process.execPath, fileURLToPath(new URL(`./${program}.ts`, import.meta.url))];
}

/** A contestant with all its viewers connected, silent until a round. */
export class RunningContestant {
  readonly name: string;
  readonly #server: Child;
  readonly #client: LoadClient;

  private constructor(name: string, server: Child, client: LoadClient) {
    this.name = name;
    this.#server = server;
    this.#client = client;
  }

  static async start(
    scope: Scope,
    { name, program, flags = [], speaks }: Contestant,
    load: FanOutLoad,
    cores: Cores,
  ): Promise<RunningContestant> {
    const args = ['--streams', String(load.streams), '--rate', String(load.rate), '--bytes', String(load.bytes)];
    const options = { core: cores.server, files: load.viewers + 200 };
    const [executable, ...before] = await programOf(program);
    const own = executable === process.execPath ? ['--', ...flags] : flags;
    const server = Child.start(scope, executable, [...before, ...args, ...own], options);
    const { port } = JSON.parse(await server.line()) as { port: number };
    const token = speaks.dialect === 'hayate' ? { token: await benchToken('watch') } : {};
    const { viewers: connections, streams } = load;
    const client = await LoadClient.start(scope, {
      ...speaks,
      ...token,
      ports: [port],
      connections,
      streams,
      core: cores.load,
      pollUs: POLL_US,
    });
    await client.open();
    return new RunningContestant(name, server, client);
  }

  get pid(): number {
    return this.#server.pid;
  }

  /** Sends for `seconds` and measures. */
  async round(seconds: number): Promise<Round> {
    this.#server.send('go');
    await wait(SETTLE_MS);
    await this.#client.measure();
    const before = [cpuUs(this.#server.pid), cpuUs(this.#client.pid)] as const;
    await wait(seconds * 1_000);
    const [server, client] = [cpuUs(this.#server.pid) - before[0], cpuUs(this.#client.pid) - before[1]];
    const report = await this.#client.report();
    this.#server.send('halt');
    await this.#silence();
    return { usPerDelivery: server / report.deliveries, loadShare: client / report.us, report };
  }

  /**
   * Resolves when all messages under way have arrived. A backlog would add to the next contestant's
   * cost.
   */
  async #silence(): Promise<void> {
    let before = -1;
    for (;;) {
      await wait(QUIET_MS);
      const { deliveries } = await this.#client.report();
      if (deliveries === before) return;
      before = deliveries;
    }
  }

  async end(): Promise<void> {
    await this.#client.end();
    await this.#server.end();
  }
}
