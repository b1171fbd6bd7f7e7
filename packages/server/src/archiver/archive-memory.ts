// What bounds a process's memory, shared by its partitions: the budget of what they gather, buffers that are used again, and
// how much is on its way to the store at a time.
import { BufferPool, type BufferSource } from '../kernel/buffer-pool.ts';
import { Gate } from '../kernel/gate.ts';
import type { ArchiverMetrics } from './archiver-metrics.ts';
import { MemoryBudget } from './memory-budget.ts';

/** Encoded and on its way to the store at a time, all partitions together. */
const STORING_BYTES_MAX = 32 * 2 ** 20;

/** What rows and packets of a broadcast are gathered in. Smaller buffers waste less, larger ones cost less. */
export const BUFFER_BYTES = 16_384;

/** One per process. */
export interface ArchiveMemory {
  readonly budget: MemoryBudget;
  readonly buffers: BufferSource;
  readonly gate: Gate;
}

/** `bytesMax`: what partitions may gather together before they wait for one another. */
export function makeArchiveMemory(bytesMax: number, metrics: ArchiverMetrics): ArchiveMemory {
  // What is given back is taken again before anything fresh is, so that pool and budget are no more than the budget together.
  return {
    budget: new MemoryBudget(bytesMax, { waits: () => metrics.memoryWaits.inc(), holds: (bytes) => metrics.heldBytes.set(bytes) }),
    buffers: new BufferPool(BUFFER_BYTES, bytesMax),
    gate: new Gate(STORING_BYTES_MAX),
  };
}
