// The channel subscriptions of one Redis. Callers subscribe and unsubscribe at any time; SUBSCRIBE
// and UNSUBSCRIBE commands leave once a turn; messages come back. A server executes commands in
// order, so the last one sent for a channel decides. After a reconnect all wanted channels are
// subscribed again. A silent connection is closed.
import { type CancelTimer, every } from '../../kernel/clock.ts';
import { type LinkParts, RedisLink } from './redis-link.ts';
import type { RespValue } from './resp-parser.ts';
import { writeCommand, writeSubscriptions } from './resp-writer.ts';
import type { ShardServer } from './server-address.ts';

/** The events of a subscriber. */
interface SubscriberEvents {
  message(channel: string, message: Uint8Array): void;
  linked(): void;
  broken(reason: string, wasLinked: boolean): void;
}

interface Channel {
  wanted: boolean;
  /** Whether the last command sent on this connection was SUBSCRIBE. */
  asked: boolean;
  /** Commands sent and not answered. */
  unanswered: number;
  waiting: (() => void)[];
}

const PING_MS = 1_000;
/** The connection is closed after this many consecutive pings without any byte received. */
const SILENT_PINGS_MAX = 2;
const PING = writeCommand('PING');

/** The subscriber connection of one server. */
export class ShardSubscriber {
  readonly #parts: LinkParts;
  readonly #events: SubscriberEvents;
  readonly #link: RedisLink;
  readonly #channels = new Map<string, Channel>();
  readonly #changed = new Set<string>();
  readonly #cancelPing: CancelTimer;
  #cancelFlush: CancelTimer | undefined;
  #cancelCheck: CancelTimer = () => undefined;
  #silentPings = 0;

  constructor(server: ShardServer, parts: LinkParts, events: SubscriberEvents) {
    this.#parts = parts;
    this.#events = events;
    this.#link = new RedisLink(server, parts, {
      linked: () => this.#linked(),
      reply: (value) => this.#reply(value),
      broken: (reason, wasLinked) => this.#broken(reason, wasLinked),
    });
    this.#cancelPing = every(parts.clock, PING_MS, () => this.#ping());
  }

  get linked(): boolean {
    return this.#link.linked;
  }

  /** Subscribes to the channel, now and after every reconnect. */
  subscribe(name: string): void {
    const channel = this.#channels.get(name) ?? { wanted: false, asked: false, unanswered: 0, waiting: [] };
    this.#channels.set(name, channel);
    channel.wanted = true;
    this.#change(name);
  }

  /** Unsubscribes from the channel. */
  unsubscribe(name: string): void {
    const channel = this.#channels.get(name);
    if (channel === undefined) return;
    channel.wanted = false;
    this.#release(channel);
    this.#change(name);
  }

  /**
   * Calls `done` when the server has confirmed a wanted channel; at once if it already has, or if
   * there is no connection.
   */
  whenSubscribed(name: string, done: () => void): void {
    const channel = this.#channels.get(name);
    if (channel === undefined || !this.linked || (channel.asked && channel.unanswered === 0)) done();
    else channel.waiting.push(done);
  }

  close(): void {
    this.#cancelPing();
    this.#cancelFlush?.();
    this.#cancelCheck();
    this.#link.close();
    for (const channel of this.#channels.values()) this.#release(channel);
    this.#channels.clear();
  }

  #linked(): void {
    this.#silentPings = 0;
    this.#flush();
    this.#events.linked();
  }

  #broken(reason: string, wasLinked: boolean): void {
    for (const [name, channel] of this.#channels) {
      channel.asked = false;
      channel.unanswered = 0;
      this.#release(channel);
      if (channel.wanted) this.#changed.add(name);
      else this.#channels.delete(name);
    }
    this.#events.broken(reason, wasLinked);
  }

  #reply(value: RespValue): void {
    this.#silentPings = 0;
    if (!Array.isArray(value)) {
      // The answer to a PING while there is no subscription.
      if (typeof value === 'object' && value !== null && 'error' in value) this.#link.drop(value.error.slice(0, 200));
      return;
    }
    const [kind, name, message] = value;
    if (!(kind instanceof Uint8Array) || !(name instanceof Uint8Array)) return;
    if (message instanceof Uint8Array && kind.length === MESSAGE_LENGTH) this.#events.message(textOf(name), message);
    else if (typeof message === 'number') this.#answered(textOf(name));
  }

  #answered(name: string): void {
    const channel = this.#channels.get(name);
    if (channel === undefined || channel.unanswered === 0) return;
    channel.unanswered--;
    if (channel.unanswered > 0) return;
    if (channel.wanted && channel.asked) this.#release(channel);
    else if (!channel.wanted && !channel.asked) this.#channels.delete(name);
  }

  #release(channel: Channel): void {
    for (const done of channel.waiting.splice(0)) done();
  }

  #change(name: string): void {
    this.#changed.add(name);
    this.#cancelFlush ??= this.#parts.clock.soon(() => this.#flush());
  }

  #flush(): void {
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
    // Returning before the greeting loses nothing: `changed` holds all wanted channels.
    if (!this.linked) return;
    const [subscribe, unsubscribe]: [string[], string[]] = [[], []];
    for (const name of this.#changed) {
      const channel = this.#channels.get(name);
      if (channel === undefined) continue;
      if (channel.wanted === channel.asked) {
        if (!channel.wanted && channel.unanswered === 0) this.#channels.delete(name);
        continue;
      }
      (channel.wanted ? subscribe : unsubscribe).push(name);
      channel.asked = channel.wanted;
      channel.unanswered++;
    }
    this.#changed.clear();
    if (unsubscribe.length > 0) this.#link.write(writeSubscriptions('UNSUBSCRIBE', unsubscribe));
    if (subscribe.length > 0) this.#link.write(writeSubscriptions('SUBSCRIBE', subscribe));
  }

  /**
   * Checks only after received bytes have been read, so that a pause of this process is not taken
   * for the server's silence.
   */
  #ping(): void {
    if (!this.linked) return;
    this.#cancelCheck = this.#parts.clock.soon(() => {
      if (!this.linked) return;
      if (this.#silentPings >= SILENT_PINGS_MAX) return this.#link.drop('silent');
      this.#silentPings++;
      this.#link.write(PING);
    });
  }
}

const MESSAGE_LENGTH = 'message'.length;

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
