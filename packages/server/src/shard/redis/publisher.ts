// Publishes batches of messages on one Redis. Each batch is one write; replies come in order.
// Unanswered messages are kept, so that they can be published elsewhere when the server falls
// silent or the connection breaks. The replies alone decide the server's health.
import type { CancelTimer } from '../../kernel/clock.ts';
import { type LinkParts, RedisLink } from './redis-link.ts';
import type { RespValue } from './resp-parser.ts';
import { type Publish, writeCommand, writePublishes } from './resp-writer.ts';
import type { ShardServer } from './server-address.ts';
import { type Health, type HealthEvent, type HealthPolicy, nextHealth } from './shard-health.ts';

/** The events of a publisher. */
interface PublisherEvents<M> {
  health(health: Health, before: Health): void;
  /** These messages may not have arrived. Returns those that no other server can take. */
  rescue(messages: M[]): M[];
  /** These messages may not have arrived, and no other server could take them. */
  lost(messages: readonly M[]): void;
  /** A message had no subscriber. */
  unheard(): void;
  broken(reason: string, wasLinked: boolean): void;
}

interface Batch<M> {
  readonly sentMs: number;
  readonly bytes: number;
  /** Empty for a PING, and after a rescue. */
  messages: readonly M[];
  /** Replies that are still due. */
  left: number;
  readonly ping: boolean;
}

const PING = writeCommand('PING');
/** The interval between pings of a server that is returning, and of an idle one. */
const RETURNING_PING_MS = 100;
const IDLE_PING_MS = 1_000;

/** The publisher connection of one server. */
export class ShardPublisher<M extends Publish> {
  readonly #parts: LinkParts;
  readonly #policy: HealthPolicy;
  readonly #events: PublisherEvents<M>;
  readonly #link: RedisLink;
  /** In the order of writing. */
  #unanswered: Batch<M>[] = [];
  #unansweredBytes = 0;
  #unansweredMessages = 0;
  #health: Health = { state: 'down' };
  #connectedAs: 'trusted' | 'new' | 'known';
  #cancelCheck: CancelTimer = () => undefined;
  /** When the scheduled check runs; undefined: none is scheduled. */
  #checkAtMs: number | undefined;
  #lastReplyMs = 0;

  constructor(server: ShardServer, parts: LinkParts, options: { policy: HealthPolicy; isNew: boolean }, events: PublisherEvents<M>) {
    this.#parts = parts;
    this.#policy = options.policy;
    this.#events = events;
    this.#connectedAs = options.isNew ? 'new' : 'trusted';
    this.#link = new RedisLink(server, parts, {
      linked: () => this.#linked(),
      reply: (value) => this.#reply(value),
      broken: (reason, wasLinked) => this.#broken(reason, wasLinked),
    });
  }

  get health(): Health {
    return this.#health;
  }

  /** Bytes written and not answered. */
  get unansweredBytes(): number {
    return this.#unansweredBytes;
  }

  /** Messages written and not answered. */
  get unansweredMessages(): number {
    return this.#unansweredMessages;
  }

  /** Publishes the messages in one write. Only while not `down`. Returns the bytes written. */
  publish(messages: readonly M[]): number {
    const bytes = writePublishes(messages);
    this.#send({ messages, left: messages.length, ping: false, bytes: bytes.length }, bytes);
    return bytes.length;
  }

  close(): void {
    this.#cancelCheck();
    this.#link.close();
    this.#health = { state: 'down' };
    this.#forget();
  }

  #send(batch: Omit<Batch<M>, 'sentMs'>, bytes: Uint8Array): void {
    this.#unanswered.push({ ...batch, sentMs: this.#parts.clock.nowMs() });
    this.#unansweredBytes += batch.bytes;
    this.#unansweredMessages += batch.messages.length;
    this.#link.write(bytes);
    if (this.#unanswered.length === 1) this.#arm();
  }

  #linked(): void {
    this.#step({ kind: 'connected', as: this.#connectedAs, nowMs: this.#parts.clock.nowMs() });
    this.#connectedAs = 'known';
    this.#lastReplyMs = this.#parts.clock.nowMs();
    this.#arm();
  }

  #broken(reason: string, wasLinked: boolean): void {
    this.#cancelCheck();
    this.#checkAtMs = undefined;
    this.#step({ kind: 'disconnected' });
    // A server that could not be reached when it was found must prove itself once it can be.
    if (this.#connectedAs === 'trusted') this.#connectedAs = 'known';
    const unanswered = this.#forget();
    this.#events.broken(reason, wasLinked);
    for (const batch of unanswered) {
      const lost = this.#rescue(batch);
      if (lost.length > 0) this.#events.lost(lost);
    }
  }

  #forget(): Batch<M>[] {
    const unanswered = this.#unanswered;
    this.#unanswered = [];
    this.#unansweredBytes = 0;
    this.#unansweredMessages = 0;
    return unanswered;
  }

  #reply(value: RespValue): void {
    const [batch] = this.#unanswered;
    const answered = batch?.ping ? typeof value === 'object' && value !== null && 'status' in value : typeof value === 'number';
    if (batch === undefined || !answered) {
      const error = typeof value === 'object' && value !== null && 'error' in value ? value.error : 'an unexpected reply';
      this.#link.drop(error.slice(0, 200));
      return;
    }
    if (value === 0) this.#events.unheard();
    batch.left--;
    if (!batch.ping) this.#unansweredMessages--;
    if (batch.left > 0) return;
    this.#unanswered.shift();
    this.#unansweredBytes -= batch.bytes;
    if (this.#unanswered.length > 0) return;
    this.#lastReplyMs = this.#parts.clock.nowMs();
    // A suspect server that has answered everything begins to return.
    if (this.#health.state === 'suspect') this.#check();
    this.#arm();
  }

  /**
   * Schedules the next check. A check that is due sooner stays: it schedules the next one itself.
   */
  #arm(): void {
    const { clock } = this.#parts;
    const nowMs = clock.nowMs();
    const dueMs = Math.max(this.#dueMs(), nowMs + 1);
    if (this.#checkAtMs !== undefined && this.#checkAtMs <= dueMs) return;
    this.#cancelCheck();
    this.#checkAtMs = dueMs;
    this.#cancelCheck = clock.after(dueMs - nowMs, () => {
      // Answers may have arrived while this process was busy or stopped, so they are read first.
      this.#cancelCheck = clock.soon(() => this.#look());
    });
  }

  #look(): void {
    this.#checkAtMs = undefined;
    this.#check();
    if (this.#health.state === 'down') return;
    const nowMs = this.#parts.clock.nowMs();
    if (this.#unanswered.length === 0 && nowMs >= this.#dueMs())
      this.#send({ messages: [], left: 1, ping: true, bytes: PING.length }, PING);
    this.#arm();
  }

  /** When the silence becomes too long or, if nothing is unanswered, when the next PING is due. */
  #dueMs(): number {
    const health = this.#health;
    if (health.state === 'suspect') return health.sinceMs + this.#policy.closeMs - this.#policy.suspectMs;
    const [oldest] = this.#unanswered;
    if (oldest !== undefined) return oldest.sentMs + this.#policy.suspectMs;
    return this.#lastReplyMs + (health.state === 'returning' ? RETURNING_PING_MS : IDLE_PING_MS);
  }

  #check(): void {
    const nowMs = this.#parts.clock.nowMs();
    const [oldest] = this.#unanswered;
    this.#step({ kind: 'checked', unansweredMs: oldest === undefined ? 0 : nowMs - oldest.sentMs, nowMs });
  }

  #step(event: HealthEvent): void {
    const before = this.#health;
    this.#health = nextHealth(before, event, this.#policy);
    if (this.#health.state === before.state) return;
    this.#events.health(this.#health, before);
    if (this.#health.state === 'suspect') for (const batch of this.#unanswered) batch.messages = this.#rescue(batch);
    else if (this.#health.state === 'down' && event.kind === 'checked') this.#link.drop('silent');
  }

  /** Passes the batch's unanswered messages to other servers; returns those that none took. */
  #rescue(batch: Batch<M>): M[] {
    const messages = batch.messages.slice(Math.max(0, batch.messages.length - batch.left));
    return messages.length === 0 ? [] : this.#events.rescue(messages);
  }
}
