// What a primary and its workers say to each other, as calls (channel.ts). Everything here survives structured cloning.
import type { MetricObject } from '@prometheus-io/client';
import type { ServeSettings } from '../serve-flags.ts';

/** What a worker is told to be. */
export interface WorkerOrder {
  /** From 1; a worker that takes another's place keeps the number. Label of its metrics and of its log lines. */
  readonly number: number;
  /** The port is the same for all. */
  readonly settings: ServeSettings;
}

/** Where the group can be reached, as its workers see it. */
export interface WorkerAddress {
  readonly url: string;
  readonly development: boolean;
  readonly archiveDirectory: string;
}

/** Answered by a worker. */
export type WorkerCalls = {
  /** Resolves when it listens; rejects as startServer does, and then it ends. */
  start(order: WorkerOrder): Promise<WorkerAddress>;
  /** Looks now at the files that others replace. */
  reload(argument: undefined): Promise<void>;
  /** Resolves when it has drained; it ends then. */
  drain(argument: undefined): Promise<void>;
  unready(argument: undefined): Promise<readonly string[]>;
  metrics(argument: undefined): Promise<MetricObject[]>;
};

/** Answered by the primary: what workers are asked on the public port and only the group knows. */
export type GroupCalls = {
  unready(argument: undefined): Promise<readonly string[]>;
  metrics(argument: undefined): Promise<string>;
};
