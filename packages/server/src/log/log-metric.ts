// The metrics of a log, named hayate_log_*, the same for every adapter. They cover all partitions
// together and have no label per stream.
import { Counter, Gauge, Histogram, type Registry } from '@prometheus-io/client';
import type { LogRefusal } from './log.ts';

/** The counters of one open log. */
export interface LogMetric {
  /**
   * Counts entries that became durable together: their bytes in the file, and how long each waited,
   * in seconds.
   */
  appended(bytes: number, waitedSeconds: readonly number[]): void;
  refused(reason: LogRefusal, entries: number): void;
}

/**
 * Creates the metrics in `registry`, which must not hold another log's; without a registry nothing
 * is counted. The functions in `now` are read at each scrape. `sizeBytes` is given only if this
 * process owns the log's files.
 */
export function createLogMetric(registry: Registry | undefined, now: { sizeBytes?: () => number; waitingBytes: () => number }): LogMetric {
  if (registry === undefined) return { appended: () => {}, refused: () => {} };
  const registers = [registry];
  const seconds = new Histogram({
    name: 'hayate_log_append_seconds',
    help: 'Time from append to durable, per entry',
    buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
    registers,
  });
  const entries = new Counter({ name: 'hayate_log_appended_entries_total', help: 'Entries made durable', registers });
  const bytesTotal = new Counter({
    name: 'hayate_log_appended_bytes_total',
    help: 'Bytes made durable, including record headers',
    registers,
  });
  const refusedTotal = new Counter({
    name: 'hayate_log_refused_total',
    help: 'Entries refused, by reason',
    labelNames: ['reason'],
    registers,
  });
  for (const reason of ['full', 'closed', 'failed'] satisfies LogRefusal[]) refusedTotal.inc({ reason }, 0);
  const { sizeBytes } = now;
  if (sizeBytes !== undefined)
    new Gauge({
      name: 'hayate_log_size_bytes',
      help: 'Segment files on disk',
      registers,
      collect() {
        this.set(sizeBytes());
      },
    });
  new Gauge({
    name: 'hayate_log_waiting_bytes',
    help: 'Bytes of entries that wait to become durable',
    registers,
    collect() {
      this.set(now.waitingBytes());
    },
  });
  return {
    appended(bytes, waitedSeconds) {
      entries.inc(waitedSeconds.length);
      bytesTotal.inc(bytes);
      for (const waited of waitedSeconds) seconds.observe(waited);
    },
    refused: (reason, count) => refusedTotal.inc({ reason }, count),
  };
}
