// Counts connections and why they ended, exactly, and logs refusals at a bounded rate.
import { type CloseCodeName, closeCodeByNumber } from '@hayate/protocol';
import { Counter, Gauge } from '@prometheus-io/client';
import type { Context } from '../kernel/context.ts';
import { RateLimitedLog } from '../kernel/rate-limited-log.ts';

/** One per process. */
export class ConnectionMetrics {
  readonly #open: Gauge<'endpoint'>;
  readonly #closes: Counter<'endpoint' | 'code'>;
  readonly #pings: Counter<'endpoint'>;
  readonly #refusedUpgrades: Counter<'reason'>;
  readonly #log: RateLimitedLog;

  constructor(context: Context) {
    const registers = [context.registry];
    this.#log = new RateLimitedLog(context.logger, () => context.clock.nowMs());
    this.#open = new Gauge({ name: 'hayate_connections', help: 'Open WebSocket connections', labelNames: ['endpoint'], registers });
    this.#closes = new Counter({
      name: 'hayate_connection_closes_total',
      help: 'Closed WebSocket connections by close code',
      labelNames: ['endpoint', 'code'],
      registers,
    });
    this.#pings = new Counter({
      name: 'hayate_connection_pings_total',
      help: 'WebSocket pings to clients that had been silent',
      labelNames: ['endpoint'],
      registers,
    });
    this.#refusedUpgrades = new Counter({
      name: 'hayate_upgrades_refused_total',
      help: 'WebSocket upgrades and HTTP requests refused before they reached an endpoint',
      labelNames: ['reason'],
      registers,
    });
  }

  opened(endpoint: string): void {
    this.#open.inc({ endpoint });
  }

  closed(endpoint: string, code: number): void {
    this.#open.dec({ endpoint });
    this.#closes.inc({ endpoint, code: closeCodeByNumber(code)?.name ?? transportCode(code) });
  }

  /** A silent client was pinged. */
  pinged(endpoint: string): void {
    this.#pings.inc({ endpoint });
  }

  /** The server closes a connection for the reason `name`. */
  refused(endpoint: string, name: CloseCodeName, detail?: string): void {
    this.#log.warn(name, { endpoint, ...(detail === undefined ? {} : { detail }) });
  }

  /** An upgrade or request was refused with an HTTP status. */
  refusedUpgrade(reason: string): void {
    this.#refusedUpgrades.inc({ reason });
    this.#log.warn(reason, {});
  }

  /** A bug: an unexpected error was thrown while a message was taken. */
  failed(endpoint: string, error: unknown): void {
    this.#log.error('a message could not be handled', { err: error, endpoint });
  }
}

/** Labels for close codes outside the contract, from a closed set (RFC 6455 section 7.4.1). */
function transportCode(code: number): string {
  return [1001, 1002, 1003, 1005, 1006, 1007, 1008, 1011].includes(code) ? String(code) : 'other';
}
