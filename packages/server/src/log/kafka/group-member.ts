// This process as a member of the consumer group. It tells PartitionRuns which partitions this
// process may work on, and gives commits their identity. Members give up lost partitions before
// another member gets them; the others keep running while the group rebalances. A member that heard
// nothing for a whole session assumes that it was expelled, so that a process that was suspended
// stops before it writes.
import { setTimeout as wait } from 'node:timers/promises';
import { heartbeatV4, joinGroupV7, leaveGroupV4, syncGroupV5 } from '@platformatic/kafka';
import type { Logger } from 'pino';
import { nowMonotonicMs } from '../../kernel/clock.ts';
import { HayateError } from '../../kernel/error.ts';
import { assignPartitions } from './assignment.ts';
import type { AnswerOf, Channel } from './channel.ts';
import type { Cluster } from './cluster.ts';
import type { Coordinator } from './coordinator.ts';
import { describe, type Fault, faultOf } from './fault.ts';
import type { PartitionRuns } from './partition-runs.ts';
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from './subscription.ts';

/**
 * The identity of a commit. The coordinator refuses commits of an older generation or of an
 * expelled member.
 */
export interface Membership {
  readonly memberId: string;
  readonly generation: number;
  readonly instanceId: string | null;
}

interface GroupMemberOptions {
  readonly cluster: Cluster;
  readonly coordinator: Coordinator;
  readonly runs: PartitionRuns;
  readonly partitionCount: number;
  /**
   * Static membership: a process that returns under this name within a session gets its partitions
   * back, without a rebalance of the other members.
   */
  readonly instanceId: string;
  /** A member that is silent for this long is expelled. */
  readonly sessionMs: number;
  readonly logger: Pick<Logger, 'info' | 'warn'> | undefined;
  /** Called when this process can never become a member. */
  readonly onFailure: (error: HayateError) => void;
}

const PROTOCOL_TYPE = 'consumer';
/** Members with another protocol cannot join, so a new assignment algorithm needs a new name. */
const PROTOCOL = 'hayate-sticky-1';
const HEARTBEATS_PER_SESSION = 10;
/** The heartbeat also tells a member that others have come or gone. */
const HEARTBEAT_MS_MAX = 3_000;
const RETRY_MS = 250;
/** The coordinator does not know this member, or knows another one under its name. */
const EXPELLED: ReadonlySet<Fault> = new Set(['UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID', 'ILLEGAL_GENERATION']);
/** Retrying is useless. */
const FATAL: ReadonlySet<Fault> = new Set([
  'GROUP_AUTHORIZATION_FAILED',
  'INCONSISTENT_GROUP_PROTOCOL',
  'INVALID_GROUP_ID',
  'INVALID_SESSION_TIMEOUT',
  'UNSUPPORTED_VERSION',
]);

type Joined = AnswerOf<typeof joinGroupV7.api>;

/** One member. */
export class GroupMember {
  readonly #options: GroupMemberOptions;
  /** A join waits for all members, so heartbeats and commits use another channel. */
  readonly #joining: Channel;
  readonly #ending = new AbortController();
  readonly #finished: Promise<void>;
  #instanceId: string | null;
  #memberId = '';
  #generation = -1;
  /**
   * Monotonic ms of the coordinator's last answer. Infinity while joining, when the coordinator
   * waits for the members.
   */
  #heardMs = 0;
  #changed = Promise.withResolvers<void>();
  /** Resolves when the runs of lost partitions have returned. */
  #released: Promise<void> | undefined;
  /** Failed calls since the coordinator last answered. */
  #failures = 0;

  constructor(options: GroupMemberOptions) {
    this.#options = options;
    this.#instanceId = options.instanceId;
    this.#joining = options.cluster.channel(2 * options.sessionMs + 10_000);
    this.#finished = this.#live();
  }

  /** The identity for commits now; undefined while this process is not a member. */
  get membership(): Membership | undefined {
    if (this.#generation < 0) return undefined;
    if (this.#sessionExpired()) {
      this.#expel('no heartbeat for a whole session');
      return undefined;
    }
    return { memberId: this.#memberId, generation: this.#generation, instanceId: this.#instanceId };
  }

  /** Resolves when the membership has changed in any way. */
  get changed(): Promise<void> {
    return this.#changed.promise;
  }

  /**
   * The coordinator refused a commit of `membership`, so this process holds no partitions any more,
   * unless it has joined again since.
   */
  expelled({ generation, memberId }: Membership, fault: Fault): void {
    if (generation === this.#generation && memberId === this.#memberId) this.#expel(fault);
  }

  /** Ends every run, waits for them, and leaves the group. */
  async close(): Promise<void> {
    const { runs, coordinator, cluster } = this.#options;
    this.#ending.abort();
    await runs.assign([]);
    this.#joining.close();
    await this.#finished;
    if (this.#memberId === '') return;
    const leaving = { memberId: this.#memberId, groupInstanceId: this.#instanceId };
    // If this fails, the group notices when the session ends.
    await coordinator.call(cluster.control, leaveGroupV4.api, coordinator.group, [leaving]).catch(() => undefined);
  }

  async #live(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      try {
        await this.#join();
        await this.#stay();
      } catch (error) {
        if (signal.aborted) return;
        if (this.#recover(error)) continue;
        await wait(RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** Whether to retry at once. Reports errors that retries cannot solve, and ends the member. */
  #recover(error: unknown): boolean {
    const { onFailure, logger, coordinator, cluster } = this.#options;
    const fault = faultOf(error);
    if (fault === 'REBALANCE_IN_PROGRESS') return true;
    if (fault === 'FENCED_INSTANCE_ID') {
      logger?.warn(
        { instanceId: this.#instanceId, group: coordinator.group },
        'another process has this instance id; continuing without an instance id',
      );
      this.#instanceId = null;
    }
    if (EXPELLED.has(fault)) {
      this.#expel(fault);
      return true;
    }
    const failure = cluster.broken ?? (error instanceof HayateError && error.code === 'CONFIGURATION' ? error : undefined);
    if (failure !== undefined || FATAL.has(fault)) {
      onFailure(failure ?? new HayateError('CONFIGURATION', `Kafka refuses a member of group ${coordinator.group}: ${fault}`));
      this.#ending.abort();
      void this.#options.runs.assign([]);
    } else {
      // The first failure may be caused by an election.
      this.#failures += 1;
      if (this.#failures === 2)
        logger?.warn({ group: coordinator.group, why: describe(error) }, 'the consumer group cannot be reached; retrying');
      if (this.#generation >= 0 && this.#sessionExpired()) this.#expel('no heartbeat for a whole session');
    }
    return false;
  }

  /**
   * Joins, and takes the partitions that the group's leader assigns. Runs of kept partitions
   * continue meanwhile.
   */
  async #join(): Promise<void> {
    const { cluster, coordinator, runs, sessionMs } = this.#options;
    const { group } = coordinator;
    const metadata = encodeSubscription(cluster.topic, { owned: runs.owned, generation: this.#generation });
    const protocols = [{ name: PROTOCOL, metadata }];
    const heardMs = this.#heardMs;
    this.#heardMs = Number.POSITIVE_INFINITY;
    let joined: Joined;
    try {
      const join = () =>
        coordinator.call(
          this.#joining,
          joinGroupV7.api,
          group,
          sessionMs,
          sessionMs,
          this.#memberId,
          this.#instanceId,
          PROTOCOL_TYPE,
          protocols,
        );
      joined = await join().catch((error: unknown) => {
        // A member without an instance id first gets a member id, and must join again with it.
        const given = faultOf(error) === 'MEMBER_ID_REQUIRED' ? memberIdIn(error) : undefined;
        if (given === undefined) throw error;
        this.#memberId = given;
        return join();
      });
    } catch (error) {
      this.#heardMs = heardMs;
      throw error;
    }
    this.#memberId = joined.memberId;
    this.#heardMs = nowMonotonicMs();
    const assignments = joined.leader === joined.memberId ? this.#assign(joined) : [];
    const { assignment } = await coordinator.call(
      this.#joining,
      syncGroupV5.api,
      group,
      joined.generationId,
      joined.memberId,
      this.#instanceId,
      PROTOCOL_TYPE,
      joined.protocolName,
      assignments,
    );
    this.#generation = joined.generationId;
    this.#failures = 0;
    this.#take(decodeAssignment(cluster.topic, assignment));
  }

  /** Called on the group's leader: the assignments of all members. */
  #assign({ members }: Joined): { memberId: string; assignment: Buffer }[] {
    const { cluster, partitionCount } = this.#options;
    const known = members.map(({ memberId, metadata }) => decodeSubscription(cluster.topic, memberId, metadata));
    return [...assignPartitions(known, partitionCount)].map(([memberId, partitions]) => ({
      memberId,
      assignment: encodeAssignment(cluster.topic, partitions),
    }));
  }

  #take(partitions: readonly number[]): void {
    const { runs, logger, coordinator, sessionMs } = this.#options;
    const before = runs.owned;
    const lost = before.filter((partition) => !partitions.includes(partition));
    const released = runs.assign(partitions);
    // A lost partition may go to another member only after its run has returned. Joining again
    // tells the group so.
    const { signal } = this.#ending;
    const sessionTimeout = () => wait(sessionMs, undefined, { signal }).catch(() => undefined);
    this.#released = lost.length > 0 ? Promise.race([released, sessionTimeout()]) : undefined;
    if (lost.length > 0 || partitions.length !== before.length)
      logger?.info({ group: coordinator.group, generation: this.#generation, partitions, lost }, 'partitions assigned');
    this.#announce();
  }

  /** Keeps the membership alive until it must be renewed. */
  async #stay(): Promise<void> {
    const { cluster, coordinator, sessionMs } = this.#options;
    const { signal } = this.#ending;
    let released = false;
    void this.#released?.then(() => {
      released = true;
    });
    while (!signal.aborted && this.#generation >= 0) {
      const pause = wait(Math.min(sessionMs / HEARTBEATS_PER_SESSION, HEARTBEAT_MS_MAX), undefined, { signal });
      pause.catch(() => undefined);
      await Promise.race([pause, released ? undefined : this.#released].filter((promise) => promise !== undefined));
      if (released) return;
      // This process was suspended for too long, so other members have its partitions now.
      if (this.#sessionExpired()) this.#expel('no heartbeat for a whole session');
      if (this.#generation < 0) return;
      // Count from before the question: the answer may be old when this process reads it.
      const askedMs = nowMonotonicMs();
      try {
        await coordinator.call(cluster.control, heartbeatV4.api, coordinator.group, this.#generation, this.#memberId, this.#instanceId);
        this.#heardMs = askedMs;
        this.#failures = 0;
      } catch (error) {
        const fault = faultOf(error);
        if (EXPELLED.has(fault) || fault === 'REBALANCE_IN_PROGRESS' || FATAL.has(fault)) throw error;
        this.#recover(error);
      }
    }
  }

  #sessionExpired(): boolean {
    return nowMonotonicMs() - this.#heardMs > this.#options.sessionMs;
  }

  #expel(why: string): void {
    const { runs, logger, coordinator } = this.#options;
    if (runs.owned.length > 0) logger?.warn({ group: coordinator.group, why, partitions: runs.owned }, 'expelled from the consumer group');
    this.#generation = -1;
    if (why !== 'ILLEGAL_GENERATION') this.#memberId = '';
    void runs.assign([]);
    this.#announce();
  }

  #announce(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}

function memberIdIn(error: unknown): string | undefined {
  const answer = error instanceof Error && 'response' in error ? error.response : undefined;
  const id = typeof answer === 'object' && answer !== null && 'memberId' in answer ? answer.memberId : undefined;
  return typeof id === 'string' && id !== '' ? id : undefined;
}
