// The log of a cluster under attack: its own topic on a Kafka, and one stream for each partition.
import { partitionOf } from '../../../packages/server/src/log/kafka/murmur2.ts';
import type { Kafka } from '../../support/kafka.ts';

/** Partitions of every such topic. */
export const PARTITIONS = 3;

/** Streams that each lie in a different partition. */
export const STREAMS: readonly string[] = Array.from({ length: PARTITIONS }, (_, partition) => {
  let number = 0;
  while (partitionOf(Buffer.from(`stream-${number}`), PARTITIONS) !== partition) number++;
  return `stream-${number}`;
});

let topics = 0;

/** Flags of `hayate serve`. An archiver that is silent for 3 s loses its partitions. */
export function logOn({ bootstrap, nodes }: Kafka): readonly string[] {
  const topic = `kafka://${bootstrap}/site-${topics++}`;
  const replication = String(nodes.length);
  return ['--log', topic, '--log-partitions', String(PARTITIONS), '--kafka-replication', replication, '--kafka-session-ms', '3000'];
}
