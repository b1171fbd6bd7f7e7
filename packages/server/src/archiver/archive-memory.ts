// The limits of a process's memory, shared by its partitions: the budget for gathered data, a pool
// of buffers, and the number of bytes being stored at a time.
import { BufferPool, type BufferSource } from '../kernel/buffer-pool.ts';
import { Gate } from '../kernel/gate.ts';
import type { ArchiverMetrics } from './archiver-metrics.ts';
import { MemoryBudget } from './memory-budget.ts';

/** Maximum encoded bytes that all partitions store at a time. */
const STORING_BYTES_MAX = 32 * 2 ** 20;

/**
 * Size of the buffers that gather a broadcast's rows and packets. Smaller buffers waste less
 * memory, larger ones cost less time.
 */
export const BUFFER_BYTES = 16_384;

/** One per process. */
export interface ArchiveMemory {
  readonly budget: MemoryBudget;
  readonly buffers: BufferSource;
  readonly gate: Gate;
}

/** `bytesMax`: the amount that all partitions may gather before they wait for one another. */
export function makeArchiveMemory(bytesMax: number, metrics: ArchiverMetrics): ArchiveMemory {
  // Returned buffers are used before new memory, so that the pool and the gathered data together
  // stay within the budget.
  return {
    budget: new MemoryBudget(bytesMax, { waits: () => metrics.memoryWaits.inc(), holds: (bytes) => metrics.heldBytes.set(bytes) }),
    buffers: new BufferPool(BUFFER_BYTES, bytesMax),
    gate: new Gate(STORING_BYTES_MAX),
  };
}
