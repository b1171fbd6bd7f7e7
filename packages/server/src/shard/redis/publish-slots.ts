// Messages to slots, slots to servers. What is published within a slot is gathered and leaves in one write to one server, the
// next slot goes to the next (see placement.ts). What a server leaves unanswered goes at once to one that has not had it.
// Bytes gathered and unanswered are bounded; what is above the bound, or has nowhere to go, is dropped and counted.
import type { CancelTimer, Clock } from '../../kernel/clock.ts';
import type { Placed, Placement } from './placement.ts';
import { preference } from './placement.ts';
import type { Publish } from './resp-writer.ts';
import type { Health } from './shard-health.ts';
import type { DropReason } from './shard-metrics.ts';

/** A message under way. */
export interface Outgoing<S> extends Publish {
  readonly copies: number;
  /** Servers it was sent to; shared by messages of a slot that went the same way. */
  tried: readonly S[];
}

/** A server as slots see it. */
export interface SlotServer<S> extends Placed {
  readonly health: Health;
  /** Messages in one write; returns the bytes written. */
  publish(messages: readonly Outgoing<S>[]): number;
}

/** Settings of the publishing side. */
export interface SlotOptions {
  readonly placement: Placement;
  /** How long messages are gathered, milliseconds. */
  readonly slotMs: number;
  /** Bytes of messages gathered or unanswered. */
  readonly queueBytesMax: number;
  readonly seed: number;
}

/** What slots need of the adapter. */
export interface SlotEnvironment<S> {
  readonly clock: Clock;
  /** Servers that may be given slots, in an order that does not change while they do not. */
  servers(): readonly S[];
  /** Bytes written to any server and not answered. */
  unansweredBytes(): number;
  dropped(reason: DropReason, messages: number): void;
}

/** In this order servers are used, when those before are none or too few. */
const TIERS = ['up', 'returning', 'suspect'] as const;

/** Gathers and lays out what one process publishes. */
export class PublishSlots<S extends SlotServer<S>> {
  readonly #options: SlotOptions;
  readonly #environment: SlotEnvironment<S>;
  #gathered: Outgoing<S>[] = [];
  #gatheredBytes = 0;
  #slot = 0;
  #lastSlotMs = Number.NEGATIVE_INFINITY;
  #cancel: CancelTimer = () => undefined;

  constructor(options: SlotOptions, environment: SlotEnvironment<S>) {
    this.#options = options;
    this.#environment = environment;
  }

  /** Takes a message for the slot that is open; opens one if there is none. */
  add(channel: string, message: Uint8Array, copies = this.#options.placement.copies): void {
    const { clock, unansweredBytes, dropped } = this.#environment;
    const bytes = channel.length + message.length;
    if (this.#gatheredBytes + bytes + unansweredBytes() > this.#options.queueBytesMax) {
      dropped('queue_full', 1);
      return;
    }
    this.#gathered.push({ channel, message, copies, tried: [] });
    this.#gatheredBytes += bytes;
    if (this.#gathered.length > 1) return;
    const write = (): void => this.write();
    const waitMs = this.#lastSlotMs + this.#options.slotMs - clock.nowMs();
    // Soon, not now: what falls due in the same turn goes with it.
    this.#cancel = waitMs <= 0 ? clock.soon(write) : clock.after(waitMs, write);
  }

  /** Writes what is gathered, now. */
  write(): void {
    this.#cancel();
    const gathered = this.#gathered;
    if (gathered.length === 0) return;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    this.#lastSlotMs = this.#environment.clock.nowMs();
    this.#layOut(gathered, this.#slot++);
  }

  /** Sends what `from` left unanswered to servers that have not had it. Returns what found none. */
  rescue(messages: readonly Outgoing<S>[]): Outgoing<S>[] {
    const left: Outgoing<S>[] = [];
    const batches = new Map<S, Outgoing<S>[]>();
    const slot = this.#slot++;
    for (const message of messages) {
      const target = this.#preferred(slot, message.channel).find((server) => !message.tried.includes(server));
      if (target === undefined) {
        left.push(message);
        continue;
      }
      message.tried = [...message.tried, target];
      gather(batches, target, message);
    }
    for (const [server, batch] of batches) server.publish(batch);
    return left;
  }

  #layOut(messages: readonly Outgoing<S>[], slot: number): void {
    const batches = new Map<S, Outgoing<S>[]>();
    const bySlot = this.#options.placement.by === 'spray';
    // Where the slot decides, all messages of as many copies go the same way.
    const ways = new Map<number, readonly S[]>();
    for (const message of messages) {
      const { channel, copies } = message;
      const known = bySlot ? ways.get(copies) : undefined;
      const way = known ?? this.#preferred(slot, channel).slice(0, copies);
      if (bySlot && known === undefined) ways.set(copies, way);
      message.tried = way;
      for (const server of way) gather(batches, server, message);
      if (way.length === 0) this.#environment.dropped('no_server', 1);
    }
    for (const [server, batch] of batches) server.publish(batch);
  }

  /** Connected servers, by their health, then by placement. */
  #preferred(slot: number, channel: string): S[] {
    const { placement, seed } = this.#options;
    const servers = this.#environment.servers();
    return TIERS.flatMap((tier) => {
      const those = servers.filter(({ health }) => health.state === tier);
      return those.length < 2 ? those : preference(placement, { seed, slot, channel }, those);
    });
  }
}

function gather<S>(batches: Map<S, Outgoing<S>[]>, server: S, message: Outgoing<S>): void {
  const batch = batches.get(server);
  if (batch === undefined) batches.set(server, [message]);
  else batch.push(message);
}
