// Lines about what may happen again and again: bad input, a server that refuses, a disk that is full. Nobody who causes it, and no
// outage however long, fills the disk. In: every occurrence. Out: the first, then fewer and fewer while it repeats, with the
// number left out. What comes again after a silence is told at once.
import type { Logger } from 'pino';
import { nowMonotonicMs } from './clock.ts';

/** After a line the next of its kind waits so long; twice that after each, */
const INTERVAL_MS = 1_000;
/** up to this. */
const INTERVAL_MS_MAX = 60_000;
/** Kinds that are remembered; more share one. */
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
   * `reason` is from a closed list, and with `subject` (a shard, a partition; from a small set) makes the kind; `detail` must hold
   * no token, name or payload.
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
