// Reads a group's committed offsets of a topic, and the oldest offsets still kept. It asks the
// brokers without joining the group, so it works while archivers run.
import { HayateError } from '../../kernel/error.ts';
import type { CommittedOffsets } from '../log.ts';
import { parseTopicAddress } from './address.ts';
import { Cluster } from './cluster.ts';
import { Coordinator } from './coordinator.ts';
import { earliestOffset } from './offset-range.ts';
import { defaultGroup, type KafkaLogOptions } from './open.ts';
import { persist } from './persist.ts';

/** A group's committed offsets, and the oldest offset still kept, by partition. */
interface KafkaOffsets extends CommittedOffsets {
  readonly earliest: readonly number[];
}

/** How long to wait for brokers that elect a leader or load a group, milliseconds. */
const WAIT_MS_MAX = 20_000;

/**
 * Asks for the offsets. Throws NOT_FOUND if the topic does not exist, UNREACHABLE if brokers do not
 * answer.
 */
export async function readKafkaOffsets({ address, group, security = {} }: KafkaLogOptions): Promise<KafkaOffsets> {
  const { brokers, topic } = parseTopicAddress(address);
  const cluster = new Cluster({ brokers, topic, security });
  const signal = AbortSignal.timeout(WAIT_MS_MAX);
  try {
    const view = await cluster.refresh();
    if (view === undefined) throw new HayateError('NOT_FOUND', `there is no topic ${topic}`);
    const numbers = view.partitions.map((_, number) => number);
    const coordinator = new Coordinator(cluster, group ?? defaultGroup(topic));
    const partitions = await persist(
      () => coordinator.committedOffsets(numbers),
      () => Promise.resolve(),
      signal,
    );
    const earliest = await Promise.all(numbers.map((number) => earliestOffset(cluster, number, signal)));
    return { log: view.id, partitions, earliest };
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new HayateError('UNREACHABLE', `Kafka did not return the offsets of ${topic}`, { cause: error, temporary: true });
  } finally {
    cluster.close();
  }
}
