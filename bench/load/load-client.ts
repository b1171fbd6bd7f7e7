// Drives the load client (load.c): opens viewers, measures, and reads its report.

import { Child } from './child.ts';
import { compile } from './compile.ts';
import type { PrintedHistogram } from './histogram.ts';
import type { Scope } from './scope.ts';

/** The viewers to open. */
export interface LoadOptions {
  dialect: 'plain' | 'hayate' | 'engine' | 'centrifugo';
  /** Ports of 127.0.0.1. Viewers of a stream are spread over them. */
  ports: readonly number[];
  /** The path of the upgrade request. `{}` in it stands for the stream's number. */
  path: string;
  connections: number;
  streams: number;
  /** The part of a stream's name before its number. */
  streamPrefix?: string;
  token?: string;
  /** Reconnect to the next port when a connection is lost. */
  reconnect?: boolean;
  core?: number | undefined;
  /**
   * The client looks for messages at this interval, microseconds, instead of being woken by each.
   * Waking a process on another core costs the *sender* some microseconds, but only when the
   * receiver happens to sleep. Over a network there is no such cost. Measured latencies are late by
   * half the interval.
   */
  pollUs?: number;
  /** The client ends by itself after this time. */
  secondsMax?: number;
}

/** The load client's counts since `measure`. See totals in load.h. */
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
  /** Duplicates that a viewer who moves or returns must expect. */
  overlap: number;
  wrongStream: number;
  malformed: number;
  ended: number;
  /** Viewers that received nothing. */
  silent: number;
  /** Total sequences by which viewers trail the first viewer of their stream. */
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

  /** Opens all connections. Rejects unless every connection is accepted. */
  async open(timeoutMs = 120_000): Promise<void> {
    const { ready } = await this.#child.ask<{ ready: number }>('open', timeoutMs);
    if (ready !== this.#connections) throw new Error(`only ${ready} of ${this.#connections} viewers could connect`);
  }

  /** Starts counting. */
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
