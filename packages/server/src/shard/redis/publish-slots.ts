// Gathers messages into slots and assigns slots to servers. The messages of one slot leave in one
// write to one server; the next slot goes to the next server (see placement.ts). Messages that a
// server leaves unanswered go at once to a server that has not had them. The bytes gathered and
// unanswered are bounded. Messages above the bound, or without a server, are dropped and counted.
import type { CancelTimer, Clock } from '../../kernel/clock.ts';
import type { Placed, Placement } from './placement.ts';
import { preference } from './placement.ts';
import type { Publish } from './resp-writer.ts';
import type { Health } from './shard-health.ts';
import type { DropReason } from './shard-metrics.ts';

/** A message on its way. */
export interface Outgoing<S> extends Publish {
  readonly copies: number;
  /**
   * The servers it was sent to. Messages of a slot that went to the same servers share one list.
   */
  tried: readonly S[];
}

/** A server as slots see it. */
export interface SlotServer<S> extends Placed {
  readonly health: Health;
  /** Publishes messages in one write; returns the bytes written. */
  publish(messages: readonly Outgoing<S>[]): number;
}

/** Settings of the publishing side. */
interface SlotOptions {
  readonly placement: Placement;
  /** How long messages are gathered, milliseconds. */
  readonly slotMs: number;
  /** The most bytes of messages gathered or unanswered. */
  readonly queueBytesMax: number;
  readonly seed: number;
}

/** What slots need from the adapter. */
interface SlotEnvironment<S> {
  readonly clock: Clock;
  /** The servers that slots may go to. Their order is stable while the set is. */
  servers(): readonly S[];
  /** Bytes written to any server and not answered. */
  unansweredBytes(): number;
  dropped(reason: DropReason, messages: number): void;
}

/**
 * The order in which servers are used; a later tier serves when the earlier ones have too few
 * servers.
 */
const TIERS = ['up', 'returning', 'suspect'] as const;

/** Gathers the messages that one process publishes and distributes them over servers. */
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

  /** Adds a message to the open slot, or opens a slot. */
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
    // Deferred to the end of the turn, so that messages of the same turn share the write.
    this.#cancel = waitMs <= 0 ? clock.soon(write) : clock.after(waitMs, write);
  }

  /** Writes the gathered messages now. */
  write(): void {
    this.#cancel();
    const gathered = this.#gathered;
    if (gathered.length === 0) return;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    this.#lastSlotMs = this.#environment.clock.nowMs();
    this.#layOut(gathered, this.#slot++);
  }

  /**
   * Sends unanswered messages to servers that have not had them. Returns the messages for which
   * there is no such server.
   */
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
    // If the slot decides, all messages with the same number of copies go to the same servers.
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

  /** Connected servers, ordered by health and then by placement. */
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
