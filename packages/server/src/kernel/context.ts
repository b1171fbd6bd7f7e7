// The parts that every role receives: a logger, a metrics registry, and the identity of this
// process.
import { randomBytes } from 'node:crypto';
import { Registry } from '@prometheus-io/client';
import { type Logger, pino } from 'pino';
import { type Clock, systemClock } from './clock.ts';
import { logOutput } from './log-output.ts';

/** Shared by all roles of one process. */
export interface Context {
  readonly logger: Logger;
  readonly registry: Registry;
  readonly clock: Clock;
  /** A random number from 0 up to 1. */
  readonly random: () => number;
  /** Random, and different at every start. Identifies this process to others. */
  readonly incarnation: bigint;
}

/**
 * A context with a new incarnation and registry. `clock` defaults to the system's; `worker` labels
 * all of its log lines and metrics.
 */
export function createContext(options: { logLevel?: string; clock?: Clock; worker?: number } = {}): Context {
  const { worker } = options;
  const registry = new Registry();
  if (worker !== undefined) registry.setDefaultLabels({ worker: String(worker) });
  const base = worker === undefined ? null : { worker };
  return {
    logger: pino({ level: options.logLevel ?? 'info', base }, logOutput()),
    registry,
    clock: options.clock ?? systemClock,
    random: Math.random,
    incarnation: randomBytes(8).readBigUInt64LE() | 1n,
  };
}
