// The messages of group members to one another, through the coordinator: the partitions that a
// member holds when it joins, and those it is given. Both use Kafka's own consumer protocol, so
// that Kafka's tools show which member has which partition.
import {
  decodeConsumerProtocolAssignment,
  decodeConsumerProtocolSubscription,
  encodeConsumerProtocolAssignment,
  encodeConsumerProtocolSubscription,
} from '@platformatic/kafka';
import { HayateError } from '../../kernel/error.ts';
import type { AssignedMember } from './assignment.ts';

/** Owned partitions and the generation were added in version 2. */
const SUBSCRIPTION_VERSION = 2;
const ASSIGNMENT_VERSION = 1;

/** The message of a member that joins. */
export function encodeSubscription(topic: string, { owned, generation }: Pick<AssignedMember, 'owned' | 'generation'>): Buffer {
  const ownedPartitions = owned.length === 0 ? [] : [{ topic, partitions: [...owned] }];
  return encodeConsumerProtocolSubscription({ version: SUBSCRIPTION_VERSION, topics: [topic], ownedPartitions, generationId: generation });
}

/**
 * Decodes another member's message. Throws CONFIGURATION if that member reads another topic: two
 * logs share one group then.
 */
export function decodeSubscription(topic: string, memberId: string, bytes: Buffer): AssignedMember {
  const { topics, ownedPartitions, generationId } = decodeConsumerProtocolSubscription(bytes);
  if (topics.length !== 1 || topics[0] !== topic)
    throw new HayateError(
      'CONFIGURATION',
      `a member of this group reads ${topics.join(', ')}, not ${topic}: give each topic its own --kafka-group`,
    );
  const owned = ownedPartitions.filter((owned) => owned.topic === topic).flatMap(({ partitions }) => partitions);
  return { memberId, owned, generation: generationId };
}

/** Encodes the partitions of one member. */
export function encodeAssignment(topic: string, partitions: readonly number[]): Buffer {
  const assignedPartitions = partitions.length === 0 ? [] : [{ topic, partitions: [...partitions] }];
  return encodeConsumerProtocolAssignment({ version: ASSIGNMENT_VERSION, assignedPartitions, userData: null });
}

/** Decodes the partitions of this member. */
export function decodeAssignment(topic: string, bytes: Buffer): number[] {
  return decodeConsumerProtocolAssignment(bytes)
    .assignedPartitions.filter((assigned) => assigned.topic === topic)
    .flatMap(({ partitions }) => partitions);
}
