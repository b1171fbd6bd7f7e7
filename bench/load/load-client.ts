// Drives the load client (load.c): opens viewers, measures, and reads its report.

import { Child } from './child.ts';
import { compile } from './compile.ts';
import type { PrintedHistogram } from './histogram.ts';
import type { Scope } from './scope.ts';

/** Viewers to open. */
export interface LoadOptions {
  dialect: 'plain' | 'hayate' | 'engine' | 'centrifugo';
  /** Ports of 127.0.0.1; viewers of a stream are spread over them. */
  ports: readonly number[];
  /** Of the upgrade request; `{}` in it is the stream's number. */
  path: string;
  connections: number;
  streams: number;
  /** Streams are named with this before their number. */
  streamPrefix?: string;
  token?: string;
  /** Come back, at the next port, when a connection is lost. */
  reconnect?: boolean;
  core?: number | undefined;
  /**
   * Looks for messages this often, microseconds, instead of being woken by each. Waking a process on another core costs the *sender*
   * some microseconds, only when the receiver happens to sleep: on a network there is no such cost. Latencies are late by half of it.
   */
  pollUs?: number;
  /** It ends by itself after this time. */
  secondsMax?: number;
}

/** What the load client has counted since `measure`; see totals in load.h. */
export interface LoadReport {
  /** Length of the measurement, microseconds. */
  us: number;
  ready: number;
  deliveries: number;
  messages: number;
  bytes: number;
  /** Sequences skipped, over all viewers. */
  lost: number;
  doubles: number;
  /** Doubles that a viewer who moves or returns must expect. */
  overlap: number;
  wrongStream: number;
  malformed: number;
  ended: number;
  /** Viewers that got nothing. */
  silent: number;
  /** Sequences by which viewers are behind the first of their stream. */
  behind: number;
  least: number;
  most: number;
  longestPauseUs: number;
  gapsLost: number;
  gapsSlow: number;
  gapsExpired: number;
  reconnects: number;
  moves: number;
  resets: number;
  cpuUs: number;
  closes: Readonly<Record<string, number>>;
  latency: PrintedHistogram;
  pauses: PrintedHistogram;
}

/** A running load client. */
export class LoadClient {
  readonly #child: Child;
  readonly #connections: number;

  private constructor(child: Child, connections: number) {
    this.#child = child;
    this.#connections = connections;
  }

  static async start(scope: Scope, options: LoadOptions): Promise<LoadClient> {
    const args = [
      ...['--dialect', options.dialect, '--path', options.path],
      ...['--targets', options.ports.map((port) => `127.0.0.1:${port}`).join(',')],
      ...['--connections', String(options.connections), '--streams', String(options.streams)],
      ...['--seconds-max', String(options.secondsMax ?? 1_800)],
      ...(options.streamPrefix === undefined ? [] : ['--stream-prefix', options.streamPrefix]),
      ...(options.token === undefined ? [] : ['--token', options.token]),
      ...(options.pollUs === undefined ? [] : ['--poll-us', String(options.pollUs)]),
      ...(options.reconnect === true ? ['--reconnect'] : []),
    ];
    const child = Child.start(scope, await compile('load'), args, {
      core: options.core,
      files: Math.min(options.connections * 2, options.connections + 5_000) + 100,
    });
    return new LoadClient(child, options.connections);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Opens all connections; rejects unless every one is accepted. */
  async open(timeoutMs = 120_000): Promise<void> {
    const { ready } = await this.#child.ask<{ ready: number }>('open', timeoutMs);
    if (ready !== this.#connections) throw new Error(`only ${ready} of ${this.#connections} viewers could connect`);
  }

  /** Counts from now on. */
  async measure(): Promise<void> {
    await this.#child.ask('measure');
  }

  report(): Promise<LoadReport> {
    return this.#child.ask<LoadReport>('report');
  }

  end(): Promise<void> {
    return this.#child.end();
  }
}
