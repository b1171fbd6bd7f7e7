// Finds the servers: from a list, DNS names, or both. Names are looked up at intervals and after
// trouble. If a lookup gets no answer, the last answer stays in force, so that a DNS failure never
// makes servers vanish.
import { type CancelTimer, type Clock, every } from '../../kernel/clock.ts';
import { type Endpoint, type ShardName, type ShardServer, type ShardSource, serverAt } from './server-address.ts';

/** Asks DNS. Rejects, or resolves to no endpoint, when there is no answer. */
export type LookUp = (name: ShardName) => Promise<readonly Endpoint[]>;

/** Settings and dependencies of discovery. */
interface DiscoveryOptions {
  readonly sources: readonly ShardSource[];
  readonly lookUp: LookUp;
  readonly clock: Clock;
  readonly resolveMs: number;
  /** Called after every round with all servers, each once, sorted by name. */
  found(servers: readonly ShardServer[]): void;
  failed(name: ShardName, reason: string): void;
}

/** The shortest time between rounds: trouble does not cause lookups more often than this. */
const ROUND_MS_MIN = 250;

/** Looks servers up until closed. */
export class Discovery {
  readonly #options: DiscoveryOptions;
  readonly #answers = new Map<ShardSource, readonly ShardServer[]>();
  readonly #cancelRounds: CancelTimer;
  #cancelExtra: CancelTimer | undefined;
  #round: Promise<void> | undefined;
  #roundAtMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
    this.#cancelRounds = this.#hasNames ? every(options.clock, options.resolveMs, () => void this.look()) : () => undefined;
  }

  /** Looks up now, unless a round is under way; resolves after the round. Never rejects. */
  look(): Promise<void> {
    this.#round ??= this.#look().finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  /** Looks up soon: a server is in trouble, so the answer of DNS may have changed. */
  lookSoon(): void {
    if (!this.#hasNames || this.#closed || this.#cancelExtra !== undefined) return;
    const { clock } = this.#options;
    this.#cancelExtra = clock.after(Math.max(0, this.#roundAtMs + ROUND_MS_MIN - clock.nowMs()), () => {
      this.#cancelExtra = undefined;
      void this.look();
    });
  }

  close(): void {
    this.#closed = true;
    this.#cancelRounds();
    this.#cancelExtra?.();
  }

  get #hasNames(): boolean {
    return this.#options.sources.some((source) => 'name' in source);
  }

  async #look(): Promise<void> {
    const { sources, clock, found } = this.#options;
    this.#roundAtMs = clock.nowMs();
    await Promise.all(sources.map((source) => this.#ask(source)));
    if (this.#closed) return;
    const servers = new Map<string, ShardServer>();
    for (const source of sources) for (const server of this.#answers.get(source) ?? []) servers.set(server.name, server);
    found([...servers.values()].sort((a, b) => (a.name < b.name ? -1 : 1)));
  }

  async #ask(source: ShardSource): Promise<void> {
    if ('server' in source) {
      this.#answers.set(source, [source.server]);
      return;
    }
    const { lookUp, failed } = this.#options;
    try {
      const endpoints = await lookUp(source.name);
      if (endpoints.length === 0) failed(source.name, 'no address');
      else
        this.#answers.set(
          source,
          endpoints.map((endpoint) => serverAt(endpoint, source.name)),
        );
    } catch (error) {
      failed(source.name, error instanceof Error ? error.message : String(error));
    }
  }
}
