// What every role is given: where to log, where to count, and who this process is.
import { randomBytes } from 'node:crypto';
import { Registry } from '@prometheus-io/client';
import { type Logger, pino } from 'pino';

/** Shared by all roles of one process. */
export interface Context {
  readonly logger: Logger;
  readonly registry: Registry;
  /** Random, new at every start: names this process to others. */
  readonly incarnation: bigint;
}

/** A context with a fresh incarnation and registry. */
export function createContext(options: { logLevel?: string } = {}): Context {
  return {
    logger: pino({ level: options.logLevel ?? 'info', base: null }, pino.destination({ fd: 2, sync: false })),
    registry: new Registry(),
    incarnation: randomBytes(8).readBigUInt64LE() | 1n,
  };
}
