// What members of the group tell one another through the coordinator: what each holds when it joins, and what each is given.
// Both are Kafka's own consumer protocol, so that its tools show who has which partition.
import {
  decodeConsumerProtocolAssignment,
  decodeConsumerProtocolSubscription,
  encodeConsumerProtocolAssignment,
  encodeConsumerProtocolSubscription,
} from '@platformatic/kafka';
import { HayateError } from '../../kernel/error.ts';
import type { AssignedMember } from './assignment.ts';

/** Owned partitions and the generation came with version 2. */
const SUBSCRIPTION_VERSION = 2;
const ASSIGNMENT_VERSION = 1;

/** What a member says when it joins. */
export function encodeSubscription(topic: string, { owned, generation }: Pick<AssignedMember, 'owned' | 'generation'>): Buffer {
  const ownedPartitions = owned.length === 0 ? [] : [{ topic, partitions: [...owned] }];
  return encodeConsumerProtocolSubscription({ version: SUBSCRIPTION_VERSION, topics: [topic], ownedPartitions, generationId: generation });
}

/** What another member said. Throws CONFIGURATION if it reads another topic: then two logs share one group. */
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

/** What a member is given. */
export function encodeAssignment(topic: string, partitions: readonly number[]): Buffer {
  const assignedPartitions = partitions.length === 0 ? [] : [{ topic, partitions: [...partitions] }];
  return encodeConsumerProtocolAssignment({ version: ASSIGNMENT_VERSION, assignedPartitions, userData: null });
}

/** What this member was given. */
export function decodeAssignment(topic: string, bytes: Buffer): number[] {
  return decodeConsumerProtocolAssignment(bytes)
    .assignedPartitions.filter((assigned) => assigned.topic === topic)
    .flatMap(({ partitions }) => partitions);
}
