// Logs events that may repeat: bad input, a server that refuses, a full disk. Neither a hostile
// client nor a long outage can fill the disk. In: every occurrence. Out: the first one, then fewer
// and fewer lines while it repeats, each with the number of lines left out. An event that recurs
// after a silence is logged at once.
import type { Logger } from 'pino';
import { nowMonotonicMs } from './clock.ts';

/**
 * The pause after a line before the next of its kind. It doubles after each line, up to
 * INTERVAL_MS_MAX.
 */
const INTERVAL_MS = 1_000;
/** Upper bound of the pause. */
const INTERVAL_MS_MAX = 60_000;
/** Number of kinds that are remembered. Further kinds share one entry. */
const KINDS_MAX = 1_000;

interface Kind {
  nextMs: number;
  intervalMs: number;
  suppressed: number;
}

/** Logs at a bounded rate for each kind of line. */
export class RateLimitedLog {
  readonly #logger: Logger;
  readonly #nowMs: () => number;
  readonly #kinds = new Map<string, Kind>();

  constructor(logger: Logger, nowMs: () => number = nowMonotonicMs) {
    this.#logger = logger;
    this.#nowMs = nowMs;
  }

  /**
   * `reason` is from a closed list. Together with `subject` (a shard or partition, from a small
   * set) it makes the kind. `detail` must not hold tokens, names or payloads.
   */
  warn(reason: string, detail: Record<string, unknown>, subject = ''): void {
    this.#log('warn', { reason, detail, subject });
  }

  /** As warn, at level `info`. */
  info(reason: string, detail: Record<string, unknown>, subject = ''): void {
    this.#log('info', { reason, detail, subject });
  }

  /** As warn, at level `error`. */
  error(reason: string, detail: Record<string, unknown>, subject = ''): void {
    this.#log('error', { reason, detail, subject });
  }

  #log(level: 'info' | 'warn' | 'error', line: { reason: string; detail: Record<string, unknown>; subject: string }): void {
    const now = this.#nowMs();
    const kind = this.#kind(`${line.reason}\n${line.subject}`);
    if (now < kind.nextMs) {
      kind.suppressed++;
      return;
    }
    const { suppressed } = kind;
    this.#logger[level]({ ...line.detail, ...(suppressed > 0 ? { suppressed } : {}) }, line.reason);
    const isCalm = now >= kind.nextMs + kind.intervalMs;
    kind.intervalMs = isCalm ? INTERVAL_MS : Math.min(INTERVAL_MS_MAX, kind.intervalMs * 2);
    kind.nextMs = now + kind.intervalMs;
    kind.suppressed = 0;
  }

  #kind(key: string): Kind {
    const name = this.#kinds.has(key) || this.#kinds.size < KINDS_MAX ? key : 'others';
    const kind = this.#kinds.get(name) ?? { nextMs: Number.NEGATIVE_INFINITY, intervalMs: INTERVAL_MS, suppressed: 0 };
    this.#kinds.set(name, kind);
    return kind;
  }
}
