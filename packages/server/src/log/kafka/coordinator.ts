// The coordinator of a consumer group. It is looked up when first needed, and again after it did
// not answer or was no longer the coordinator.
import { type API, offsetFetchV7 } from '@platformatic/kafka';
import type { BrokerAddress } from './address.ts';
import type { Channel } from './channel.ts';
import type { Cluster } from './cluster.ts';
import { type Fault, faultOf, NO_ANSWER } from './fault.ts';

const MOVED: ReadonlySet<Fault> = new Set([NO_ANSWER, 'NOT_COORDINATOR', 'COORDINATOR_NOT_AVAILABLE']);

/** A group's coordinator. */
export class Coordinator {
  readonly group: string;
  readonly #cluster: Cluster;
  #broker: BrokerAddress | undefined;

  constructor(cluster: Cluster, group: string) {
    this.#cluster = cluster;
    this.group = group;
  }

  /**
   * Makes one call through `channel`. Rejects with the broker's errors. If the coordinator has
   * moved, the next call looks it up again.
   */
  async call<A extends unknown[], R>(channel: Channel, api: API<A, R>, ...request: A): Promise<R> {
    try {
      this.#broker ??= await this.#cluster.findCoordinator(this.group);
      return await channel.call(this.#broker, api, ...request);
    } catch (error) {
      if (MOVED.has(faultOf(error))) this.#broker = undefined;
      throw error;
    }
  }

  /**
   * The group's committed offsets, by partition; undefined where there is none. Rejects with the
   * broker's errors.
   */
  async committedOffsets(partitions: readonly number[]): Promise<(number | undefined)[]> {
    const topic = { name: this.#cluster.topic, partitionIndexes: [...partitions] };
    const { topics } = await this.call(this.#cluster.control, offsetFetchV7.api, [{ groupId: this.group, topics: [topic] }], true);
    const offsets = new Map(
      topics.flatMap(({ partitions: found }) =>
        found.map(({ partitionIndex, committedOffset }) => [partitionIndex, Number(committedOffset)]),
      ),
    );
    return partitions.map((partition) => {
      const offset = offsets.get(partition) ?? -1;
      return offset < 0 ? undefined : offset;
    });
  }
}
