// One reader's place in a partition: batches of entries out, each offset once and in order, whichever broker leads. It holds
// one fetched megabyte; while its caller works, nothing is fetched. What does not fit the log's promises is CORRUPT.
import { setTimeout as wait } from 'node:timers/promises';
import { nowMonotonicMs } from '../../kernel/clock.ts';
import { HayateError } from '../../kernel/error.ts';
import type { LogEntry } from '../log.ts';
import type { Channel } from './channel.ts';
import type { Cluster } from './cluster.ts';
import { faultOf, isPassing } from './fault.ts';
import { type Fetched, fetch } from './fetch.ts';
import { earliestOffset, endOffset, refresh } from './offset-range.ts';
import { decodeRecordBatches } from './record-batch.ts';

const FETCH_BYTES = 2 ** 20;
const FETCH_WAIT_MS = 1_000;
/** A broker that takes so much longer than it may wait has failed. */
const GRACE_MS = 5_000;
const RETRY_MS = 100;
/**
 * So long a leader may name an end before what others have given out: one that was frozen and still believes to lead, or was
 * just elected. An offset beyond the end for longer is beyond the end.
 */
export const STALE_END_MS = 10_000;

/** Reads as log.ts says of `LogPartition.read`. `onEnd` is told where the partition ended at each fetch, at least behind what was read. */
export async function* readPartition(
  cluster: Cluster,
  { partition, offset, signal, onEnd }: { partition: number; offset: number; signal: AbortSignal; onEnd: (end: number) => void },
): AsyncGenerator<readonly LogEntry[], void, void> {
  if (!Number.isSafeInteger(offset) || offset < 0) throw new RangeError(`offset ${offset}`);
  // A connection of its own: the broker answers the calls of one connection in turn, and a fetch may wait.
  const channel = cluster.channel(FETCH_WAIT_MS + GRACE_MS);
  const end = () => channel.close();
  signal.addEventListener('abort', end, { once: true });
  try {
    let staleSinceMs: number | undefined;
    for (let next = offset; !signal.aborted; ) {
      const fetched = await fetchOnce(cluster, channel, partition, next);
      if (signal.aborted) return;
      if (fetched.fault === undefined) {
        staleSinceMs = undefined;
        const entries = decode(fetched.records, partition, next, next === offset);
        next += entries.length;
        onEnd(Math.max(fetched.end, next));
        if (entries.length > 0) yield entries;
      } else {
        staleSinceMs ??= nowMonotonicMs();
        await mend(cluster, { partition, next, fault: fetched.fault, stale: nowMonotonicMs() - staleSinceMs < STALE_END_MS }, signal);
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', end);
    channel.close();
  }
}

async function fetchOnce(cluster: Cluster, channel: Channel, partition: number, offset: number): Promise<Fetched> {
  const nothing = { end: -1, records: Buffer.alloc(0) };
  const leader = cluster.leader(partition);
  if (leader === undefined) return { fault: 'LEADER_NOT_AVAILABLE', ...nothing };
  try {
    return await fetch(channel, leader, { topic: cluster.topic, partition, offset, waitMs: FETCH_WAIT_MS, bytesMax: FETCH_BYTES });
  } catch (error) {
    return { fault: faultOf(error), ...nothing };
  }
}

function decode(records: Buffer, partition: number, next: number, within: boolean): LogEntry[] {
  if (records.length === 0) return [];
  try {
    const entries = decodeRecordBatches(records, next, { within });
    if (entries.length === 0) throw new HayateError('CORRUPT', `entry ${next}: what the broker returned does not hold it`);
    return entries;
  } catch (error) {
    if (!(error instanceof HayateError)) throw error;
    throw new HayateError(error.code, `partition ${partition}, ${error.message}`, { cause: error });
  }
}

/** A fetch that failed. */
interface Failure {
  partition: number;
  next: number;
  fault: string;
  /** Whether an end before `next` may be a stale leader's. */
  stale: boolean;
}

/** Waits for a fault to pass, or throws what it means. */
async function mend(cluster: Cluster, { partition, next, fault, stale }: Failure, signal: AbortSignal): Promise<void> {
  if (fault === 'OFFSET_OUT_OF_RANGE') {
    const [earliest, end] = [await earliestOffset(cluster, partition, signal), await endOffset(cluster, partition, signal)];
    if (next < earliest)
      throw new HayateError('NOT_FOUND', `partition ${partition}: offset ${next} is not kept any more, only from ${earliest} on`);
    if (next > end && !stale) throw new RangeError(`partition ${partition}: offset ${next} lies beyond the end, ${end}`);
  } else if (!isPassing(fault)) throw new HayateError('UNREACHABLE', `partition ${partition} cannot be read: ${fault}`);
  await wait(RETRY_MS, undefined, { signal });
  await refresh(cluster);
}
