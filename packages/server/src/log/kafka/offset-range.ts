// Asks a partition's leader for its first and last offsets.
import { listOffsetsV6 } from '@platformatic/kafka';
import { HayateError } from '../../kernel/error.ts';
import type { Cluster } from './cluster.ts';
import { persist } from './persist.ts';

const EARLIEST = -2n;
const LATEST = -1n;
const CONSUMER = -1;
const READ_UNCOMMITTED = 0;

/** The oldest offset still kept. Waits for a leader until the signal aborts. */
export function earliestOffset(cluster: Cluster, partition: number, signal: AbortSignal): Promise<number> {
  return listOffset(cluster, partition, EARLIEST, signal);
}

/** The offset after the last durable entry. Waits for a leader until the signal aborts. */
export function endOffset(cluster: Cluster, partition: number, signal: AbortSignal): Promise<number> {
  return listOffset(cluster, partition, LATEST, signal);
}

function listOffset(cluster: Cluster, partition: number, timestamp: bigint, signal: AbortSignal): Promise<number> {
  const ask = async () => {
    const leader = cluster.leader(partition);
    if (leader === undefined) throw new HayateError('UNREACHABLE', `partition ${partition} has no leader`, { temporary: true });
    const asked = { name: cluster.topic, partitions: [{ partitionIndex: partition, currentLeaderEpoch: -1, timestamp }] };
    const { topics } = await cluster.control.call(leader, listOffsetsV6.api, CONSUMER, READ_UNCOMMITTED, [asked]);
    return Number(topics[0]?.partitions[0]?.offset);
  };
  return persist(ask, () => refresh(cluster), signal);
}

/** Looks the leaders up again. Throws only `cluster.broken`; other errors are temporary. */
export async function refresh(cluster: Cluster): Promise<void> {
  await cluster.refresh().catch(() => undefined);
  if (cluster.broken !== undefined) throw cluster.broken;
}
