// The calls between the primary process and its workers (channel.ts). Every argument and result
// survives structured cloning.
import type { MetricObject } from '@prometheus-io/client';
import type { ServeSettings } from '../serve-flags.ts';

/** The order that starts a worker. */
export interface WorkerOrder {
  /**
   * From 1. A replacement process keeps the number. It labels the worker's metrics and log lines.
   */
  readonly number: number;
  /** All workers have the same port. */
  readonly settings: ServeSettings;
}

/** Where clients reach the group, as its workers see it. */
export interface WorkerAddress {
  readonly url: string;
  readonly development: boolean;
  readonly archiveDirectory: string;
}

/** The calls that a worker answers. */
export type WorkerCalls = {
  /** Resolves when the worker listens. Rejects as startServer does; the worker then ends. */
  start(order: WorkerOrder): Promise<WorkerAddress>;
  /** Reads replaceable files, such as certificates, again now. */
  reload(argument: undefined): Promise<void>;
  /** Resolves when the worker has drained; the worker then ends. */
  drain(argument: undefined): Promise<void>;
  unready(argument: undefined): Promise<readonly string[]>;
  metrics(argument: undefined): Promise<MetricObject[]>;
};

/**
 * The calls that the primary answers. Operators ask a worker on the public port, and only the
 * primary knows the whole group.
 */
export type GroupCalls = {
  unready(argument: undefined): Promise<readonly string[]>;
  metrics(argument: undefined): Promise<string>;
};
