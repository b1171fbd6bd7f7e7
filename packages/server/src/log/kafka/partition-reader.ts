// The place of one reader in a partition. It returns batches of entries, each offset once and in
// order, whichever broker leads. It holds one fetched megabyte, and fetches nothing while its
// caller works. Records that break the log's promises are CORRUPT.
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
/** A broker that exceeds the wait time by this much has failed. */
const GRACE_MS = 5_000;
const RETRY_MS = 100;
/**
 * How long a leader may report an end before entries that other leaders have returned: it may have
 * been frozen and still believe that it leads, or may just have been elected. An offset that stays
 * beyond the end for longer is out of range.
 */
const STALE_END_MS = 10_000;

/**
 * Reads as described for `LogPartition.read` in log.ts. `onEnd` gets the partition's end after each
 * fetch; it is never before the entries read.
 */
export async function* readPartition(
  cluster: Cluster,
  { partition, offset, signal, onEnd }: { partition: number; offset: number; signal: AbortSignal; onEnd: (end: number) => void },
): AsyncGenerator<readonly LogEntry[], void, void> {
  if (!Number.isSafeInteger(offset) || offset < 0) throw new RangeError(`offset ${offset}`);
  // A connection of its own: the broker answers the calls of one connection in order, and a fetch
  // may wait.
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
        await recover(cluster, { partition, next, fault: fetched.fault, stale: nowMonotonicMs() - staleSinceMs < STALE_END_MS }, signal);
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
    if (entries.length === 0) throw new HayateError('CORRUPT', `entry ${next}: the broker's answer does not contain it`);
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
  /** Whether an end before `next` may come from a stale leader. */
  stale: boolean;
}

/** Waits for a temporary fault, or throws the error for a permanent one. */
async function recover(cluster: Cluster, { partition, next, fault, stale }: Failure, signal: AbortSignal): Promise<void> {
  if (fault === 'OFFSET_OUT_OF_RANGE') {
    const [earliest, end] = [await earliestOffset(cluster, partition, signal), await endOffset(cluster, partition, signal)];
    if (next < earliest)
      throw new HayateError('NOT_FOUND', `partition ${partition}: offset ${next} is no longer kept; the oldest is ${earliest}`);
    if (next > end && !stale) throw new RangeError(`partition ${partition}: offset ${next} is beyond the end, ${end}`);
  } else if (!isPassing(fault)) throw new HayateError('UNREACHABLE', `partition ${partition} cannot be read: ${fault}`);
  await wait(RETRY_MS, undefined, { signal });
  await refresh(cluster);
}
