// One partition, for the group member that it is assigned to. A commit uses the current membership.
// If the member has lost the partition, the coordinator refuses the commit, and the signal is
// aborted before the commit rejects.
import { setTimeout as wait } from 'node:timers/promises';
import { offsetCommitV8 } from '@platformatic/kafka';
import { HayateError } from '../../kernel/error.ts';
import type { LogEntry, LogPartition } from '../log.ts';
import type { Cluster } from './cluster.ts';
import type { Coordinator } from './coordinator.ts';
import { faultOf, isPassing } from './fault.ts';
import type { GroupMember, Membership } from './group-member.ts';
import { earliestOffset, endOffset } from './offset-range.ts';
import { readPartition } from './partition-reader.ts';
import { persist } from './persist.ts';
import type { Producer } from './producer.ts';

interface KafkaPartitionOptions {
  readonly number: number;
  readonly cluster: Cluster;
  readonly coordinator: Coordinator;
  readonly member: GroupMember;
  readonly producer: Producer;
  /** Aborts when the partition is taken away. */
  readonly signal: AbortSignal;
}

const RETRY_MS = 100;
const NO_KEY = new Uint8Array();

/** A partition while it is assigned. */
export class KafkaPartition implements LogPartition {
  readonly number: number;
  readonly #options: KafkaPartitionOptions;
  /** The last durably committed offset known to this process. */
  #committed: number | undefined;
  /** A lower bound of the partition's end. */
  #end = 0;
  #committing: Promise<unknown> = Promise.resolve();

  constructor(options: KafkaPartitionOptions) {
    this.number = options.number;
    this.#options = options;
  }

  earliestOffset(): Promise<number> {
    const { cluster, signal } = this.#options;
    return earliestOffset(cluster, this.number, signal);
  }

  async committedOffset(): Promise<number | undefined> {
    const { coordinator, signal } = this.#options;
    const [committed] = await persist(() => coordinator.committedOffsets([this.number]), NO_RECOVERY, signal);
    if (committed !== undefined) this.#committed = Math.max(this.#committed ?? 0, committed);
    if (this.#committed === undefined) await this.#checkWhole();
    return this.#committed;
  }

  commit(offset: number): Promise<void> {
    const committed = this.#committing.then(() => this.#commit(offset));
    this.#committing = committed.catch(() => undefined);
    return committed;
  }

  read(offset: number, signal: AbortSignal): AsyncIterable<readonly LogEntry[]> {
    const onEnd = (end: number) => {
      this.#end = Math.max(this.#end, end);
    };
    const either = AbortSignal.any([signal, this.#options.signal]);
    return readPartition(this.#options.cluster, { partition: this.number, offset, signal: either, onEnd });
  }

  append(value: Uint8Array): Promise<number> {
    return this.#options.producer.append(this.number, NO_KEY, value);
  }

  /**
   * Called when there is no committed offset. Then no entry may be gone: a group whose offset was
   * lost would skip it unnoticed.
   */
  async #checkWhole(): Promise<void> {
    const earliest = await this.earliestOffset();
    if (earliest > 0)
      throw new HayateError('CORRUPT', `partition ${this.number}: nothing is committed, but entries before ${earliest} are gone`);
  }

  async #commit(offset: number): Promise<void> {
    const { cluster, member, signal } = this.#options;
    if (!Number.isSafeInteger(offset) || offset < 0) throw new RangeError(`offset ${offset}`);
    if (offset > this.#end) this.#end = Math.max(this.#end, await endOffset(cluster, this.number, signal));
    if (offset > this.#end) throw new RangeError(`partition ${this.number}: offset ${offset} is beyond the end, ${this.#end}`);
    if (this.#committed === undefined) await this.committedOffset();
    if (this.#committed !== undefined && offset <= this.#committed) return;
    for (;;) {
      const { changed, membership } = member;
      signal.throwIfAborted();
      if (membership === undefined || !(await this.#tryCommit(offset, membership))) await Promise.race([changed, wait(RETRY_MS)]);
      else break;
    }
    this.#committed = offset;
  }

  /** False if the commit may succeed later, or under another membership. */
  async #tryCommit(offset: number, membership: Membership): Promise<boolean> {
    const { cluster, coordinator, member } = this.#options;
    const { memberId, generation, instanceId } = membership;
    const partitions = [
      { partitionIndex: this.number, committedOffset: BigInt(offset), committedLeaderEpoch: -1, committedMetadata: null },
    ];
    const topics = [{ name: cluster.topic, partitions }];
    try {
      await coordinator.call(cluster.control, offsetCommitV8.api, coordinator.group, generation, memberId, instanceId, topics);
      return true;
    } catch (error) {
      const fault = faultOf(error);
      if (fault === 'UNKNOWN_MEMBER_ID' || fault === 'FENCED_INSTANCE_ID') member.expelled(membership, fault);
      else if (fault !== 'ILLEGAL_GENERATION' && fault !== 'REBALANCE_IN_PROGRESS' && !isPassing(fault)) throw error;
      return false;
    }
  }
}

const NO_RECOVERY = () => Promise.resolve();
