// Checks every few seconds, and soon after a failed append, whether the topic can be appended to:
// every partition needs a leader that answers and enough in-sync copies. /readyz reports the
// result. After a successful check, appends are taken again.
import { apiVersionsV3 } from '@platformatic/kafka';
import type { Logger } from 'pino';
import type { BrokerAddress } from './address.ts';
import type { Cluster } from './cluster.ts';
import { describe } from './fault.ts';

interface WatchOptions {
  readonly cluster: Cluster;
  /** The number of in-sync copies that an append needs. */
  readonly minInSync: number;
  readonly logger: Pick<Logger, 'info' | 'warn'> | undefined;
  /** Called when a check succeeds after trouble or after a failed append. */
  readonly onWell: () => void;
}

const CALM_MS = 5_000;
const TROUBLED_MS = 500;

/** Watches a topic until closed. */
export class Watch {
  readonly #options: WatchOptions;
  #timer: NodeJS.Timeout;
  #looking: Promise<void> | undefined;
  #suspected = false;
  #trouble: string | undefined;
  #closed = false;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#timer = setTimeout(() => this.#look(), CALM_MS);
  }

  /** The obstacle to appends; undefined when there is none. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** An append failed: check soon, and call `onWell` when a check succeeds. */
  suspect(): void {
    this.#suspected = true;
    if (this.#looking === undefined) this.#lookIn(TROUBLED_MS);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#looking;
  }

  #lookIn(ms: number): void {
    clearTimeout(this.#timer);
    if (!this.#closed) this.#timer = setTimeout(() => this.#look(), ms);
  }

  #look(): void {
    this.#looking = this.#judge().finally(() => {
      this.#looking = undefined;
      this.#lookIn(this.#trouble !== undefined || this.#suspected ? TROUBLED_MS : CALM_MS);
    });
  }

  async #judge(): Promise<void> {
    const { logger, onWell, cluster } = this.#options;
    const suspected = this.#suspected;
    const before = this.#trouble;
    this.#suspected = false;
    this.#trouble = await this.#troubleNow().catch(describe);
    const { topic } = cluster;
    if (this.#trouble === undefined) {
      if (before !== undefined) logger?.info({ topic }, 'Kafka can be written to again');
      if (before !== undefined || suspected) onWell();
    } else {
      this.#suspected ||= suspected;
      if (before === undefined) logger?.warn({ topic, why: this.#trouble }, 'Kafka cannot be written to');
    }
  }

  async #troubleNow(): Promise<string | undefined> {
    const { cluster, minInSync } = this.#options;
    const view = await cluster.refresh();
    if (view === undefined) return `topic ${cluster.topic} no longer exists`;
    const leaders = new Map<string, BrokerAddress>();
    for (const [number, { leader, inSync }] of view.partitions.entries()) {
      if (leader === undefined) return `partition ${number} has no leader`;
      if (inSync < minInSync) return `partition ${number} has ${inSync} copies in sync of ${minInSync}`;
      leaders.set(`${leader.host}:${leader.port}`, leader);
    }
    await Promise.all([...leaders.values()].map((leader) => cluster.control.call(leader, apiVersionsV3.api, 'hayate', '1')));
    return undefined;
  }
}
