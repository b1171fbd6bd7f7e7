// What every role is given: where to log, where to count, and who this process is.
import { randomBytes } from 'node:crypto';
import { Registry } from '@prometheus-io/client';
import { type Logger, pino } from 'pino';
import { type Clock, systemClock } from './clock.ts';

/** Shared by all roles of one process. */
export interface Context {
  readonly logger: Logger;
  readonly registry: Registry;
  readonly clock: Clock;
  /** Random, new at every start: names this process to others. */
  readonly incarnation: bigint;
}

/** A context with a fresh incarnation and registry; `clock` is the system's by default. */
export function createContext(options: { logLevel?: string; clock?: Clock } = {}): Context {
  return {
    logger: pino({ level: options.logLevel ?? 'info', base: null }, pino.destination({ fd: 2, sync: false })),
    registry: new Registry(),
    clock: options.clock ?? systemClock,
    incarnation: randomBytes(8).readBigUInt64LE() | 1n,
  };
}
