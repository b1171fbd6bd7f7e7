// The metrics of an archiver. No label names a stream.
import { Counter, Gauge } from '@prometheus-io/client';
import type { Context } from '../kernel/context.ts';

/** One per process. */
export class ArchiverMetrics {
  readonly entries: Counter;
  readonly frames: Counter;
  readonly duplicates: Counter;
  readonly cuts: Counter;
  readonly ticks: Counter;
  readonly objects: Counter<'output'>;
  readonly objectBytes: Counter<'output'>;
  readonly objectsFound: Counter<'output'>;
  readonly storeRetries: Counter;
  readonly objectsDeleted: Counter<'output'>;
  readonly erasures: Counter;
  readonly upkeepFailures: Counter;
  readonly partitions: Gauge;
  readonly partitionsStopped: Gauge;
  readonly openBytes: Gauge;
  readonly heldBytes: Gauge;
  readonly memoryWaits: Counter;

  constructor({ registry }: Context) {
    const registers = [registry];
    const labelNames = ['output'] as const;
    this.entries = new Counter({ name: 'hayate_archiver_log_entries_total', help: 'Log entries read', registers });
    this.frames = new Counter({ name: 'hayate_archiver_frames_total', help: 'Frames read for the first time', registers });
    this.duplicates = new Counter({
      name: 'hayate_archiver_duplicate_frames_total',
      help: 'Duplicate frames that were left out',
      registers,
    });
    this.cuts = new Counter({ name: 'hayate_archiver_cuts_total', help: 'Cuts completed and committed', registers });
    this.ticks = new Counter({ name: 'hayate_archiver_ticks_total', help: 'Ticks appended to idle partitions', registers });
    this.objects = new Counter({ name: 'hayate_archiver_objects_total', help: 'Objects written', labelNames, registers });
    this.objectBytes = new Counter({ name: 'hayate_archiver_object_bytes_total', help: 'Bytes of these objects', labelNames, registers });
    this.objectsFound = new Counter({
      name: 'hayate_archiver_objects_found_total',
      help: 'Objects that were already there with equal content',
      labelNames,
      registers,
    });
    this.storeRetries = new Counter({
      name: 'hayate_archiver_store_retries_total',
      help: 'Failed calls of the store; each is retried',
      registers,
    });
    this.objectsDeleted = new Counter({
      name: 'hayate_archiver_objects_deleted_total',
      help: 'Objects deleted for their age',
      labelNames,
      registers,
    });
    this.erasures = new Counter({
      name: 'hayate_archiver_erasures_total',
      help: 'Broadcasts whose remaining data was erased after their erasure',
      registers,
    });
    this.upkeepFailures = new Counter({
      name: 'hayate_archiver_upkeep_failures_total',
      help: 'Passes of upkeep that failed; each is retried',
      registers,
    });
    this.partitions = new Gauge({ name: 'hayate_archiver_partitions', help: 'Partitions being archived', registers });
    this.partitionsStopped = new Gauge({ name: 'hayate_archiver_partitions_stopped', help: 'Partitions stopped by an error', registers });
    this.heldBytes = new Gauge({
      name: 'hayate_archiver_held_bytes',
      help: 'Memory of frames and packets gathered and not yet stored, bounded by --archive-memory-bytes',
      registers,
    });
    this.memoryWaits = new Counter({
      name: 'hayate_archiver_memory_waits_total',
      help: "Times that a partition waited for memory held by another partition's cut",
      registers,
    });
    this.openBytes = new Gauge({ name: 'hayate_archiver_open_bytes', help: 'Bytes of log entries read and not yet committed', registers });
  }
}
