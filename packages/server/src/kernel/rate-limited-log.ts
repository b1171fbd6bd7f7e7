// Lines about bad input, at most a few a second per reason: an attacker must not be able to fill the disk. What was
// left out is counted and told with the next line that is let through.
import type { Logger } from 'pino';
import { nowMonotonicMs } from './clock.ts';

const INTERVAL_MS = 1_000;
const REASONS_MAX = 100;

/** Logs at level `warn`, at most once a second for each reason. */
export class RateLimitedLog {
  readonly #logger: Logger;
  readonly #reasons = new Map<string, { nextMs: number; suppressed: number }>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** `reason` is from a closed list; `detail` must hold no token, name or payload. */
  warn(reason: string, detail: Record<string, unknown>): void {
    const now = nowMonotonicMs();
    const entry = this.#reasons.get(reason) ?? { nextMs: 0, suppressed: 0 };
    if (this.#reasons.size < REASONS_MAX) this.#reasons.set(reason, entry);
    if (now < entry.nextMs) {
      entry.suppressed++;
      return;
    }
    this.#logger.warn({ ...detail, ...(entry.suppressed > 0 ? { suppressed: entry.suppressed } : {}) }, reason);
    entry.nextMs = now + INTERVAL_MS;
    entry.suppressed = 0;
  }
}
