// The log of a cluster under attack: a topic of its own on a Kafka.
import type { Kafka } from '../../support/kafka.ts';

/** Of every such topic. */
export const PARTITIONS = 3;

let topics = 0;

/** Flags of `hayate serve`; an archiver that is silent for 3 s loses its partitions. */
export function logOn({ bootstrap, nodes }: Kafka): readonly string[] {
  const topic = `kafka://${bootstrap}/site-${topics++}`;
  const replication = String(nodes.length);
  return ['--log', topic, '--log-partitions', String(PARTITIONS), '--kafka-replication', replication, '--kafka-session-ms', '3000'];
}
