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

/** Errors of an output that has no reader any more: a closed pipe, a terminal that has ended. */
const READER_GONE = ['EPIPE', 'EIO'];

/** Standard error, without which the server continues: a log that cannot be written must not end it, nor keep it from ending. */
function openLogDestination() {
  const destination = pino.destination({ fd: 2, sync: false });
  destination.on('error', ({ code = '' }: NodeJS.ErrnoException) => {
    const nothing = () => true;
    // At the end pino flushes what is left, and would try for ever.
    destination.flushSync = nothing;
    if (READER_GONE.includes(code)) destination.write = nothing;
  });
  return destination;
}

/** A context with a fresh incarnation and registry; `clock` is the system's by default, `worker` a label of all it logs and counts. */
export function createContext(options: { logLevel?: string; clock?: Clock; worker?: number } = {}): Context {
  const { worker } = options;
  const registry = new Registry();
  if (worker !== undefined) registry.setDefaultLabels({ worker: String(worker) });
  const base = worker === undefined ? null : { worker };
  return {
    logger: pino({ level: options.logLevel ?? 'info', base }, openLogDestination()),
    registry,
    clock: options.clock ?? systemClock,
    incarnation: randomBytes(8).readBigUInt64LE() | 1n,
  };
}
