// Which servers there are: a list, DNS names, or both. Names are looked up at intervals and after trouble; a question without
// an answer leaves the last answer in force, so that servers never vanish because DNS does.
import { type CancelTimer, type Clock, every } from '../../kernel/clock.ts';
import { type Endpoint, type ShardName, type ShardServer, type ShardSource, serverAt } from './server-address.ts';

/** Asks DNS. Rejects, or gives no endpoint, when there is no answer. */
export type LookUp = (name: ShardName) => Promise<readonly Endpoint[]>;

/** What discovery works with. */
export interface DiscoveryOptions {
  readonly sources: readonly ShardSource[];
  readonly lookUp: LookUp;
  readonly clock: Clock;
  readonly resolveMs: number;
  /** All servers, once each, sorted by name; called after every round. */
  found(servers: readonly ShardServer[]): void;
  failed(name: ShardName, reason: string): void;
}

/** After trouble names are looked up again, but not more often than this. */
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

  /** Looks now, unless a round is under way; resolves after it. Never rejects. */
  look(): Promise<void> {
    this.#round ??= this.#look().finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  /** A server is in trouble: what DNS says may have changed. */
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
