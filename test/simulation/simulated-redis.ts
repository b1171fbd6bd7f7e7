// A Redis of a simulated world: PUBLISH, SUBSCRIBE, UNSUBSCRIBE, PING and AUTH over connections
// that can break. Like Redis, it counts every subscriber as a receiver of a message, whether or not
// the message arrives. It can hang (commands sent meanwhile run later, in order), die with or
// without closing its connections, and come back with an empty memory.
import type { SimulatedConnection } from './simulated-network.ts';

/** Unread bytes that Redis allows a subscriber, by default (client-output-buffer-limit pubsub). */
const OUTPUT_BYTES_MAX = 32 * 2 ** 20;

interface Client {
  readonly connection: SimulatedConnection;
  readonly channels: Set<string>;
  unread: Buffer;
}

/** One server. */
export class SimulatedRedis {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  state: 'up' | 'hung' | 'dead' | 'silent' = 'up';
  outputBytesMax = OUTPUT_BYTES_MAX;
  /** Number of messages published. */
  published = 0;
  readonly #clients = new Set<Client>();
  readonly #orphans = new Set<SimulatedConnection>();
  readonly #subscribers = new Map<string, Set<Client>>();
  /** Commands that arrived while it hung. */
  #backlog: (() => void)[] = [];

  constructor(host: string, port: number) {
    this.name = `${host}:${port}`;
    this.host = host;
    this.port = port;
  }

  /** Number of connections. */
  get clients(): number {
    return this.#clients.size;
  }

  /** The kernel accepts a connection, even if the server is not running at the moment. */
  accept(connection: SimulatedConnection): void {
    const client: Client = { connection, channels: new Set(), unread: Buffer.alloc(0) };
    this.#clients.add(client);
    connection.accepted({
      data: (bytes) => this.#work(() => this.#read(client, bytes)),
      gone: () => this.#work(() => this.#forget(client)),
    });
  }

  hang(): void {
    if (this.state === 'up') this.state = 'hung';
  }

  resume(): void {
    if (this.state !== 'hung') return;
    this.state = 'up';
    const backlog = this.#backlog;
    this.#backlog = [];
    for (const work of backlog) work();
  }

  /**
   * 'reset': its kernel closes the connections. 'silent': the machine disappears without notice.
   */
  kill(how: 'reset' | 'silent', unsent: 'lost' | 'arrives' = 'lost'): void {
    this.state = how === 'reset' ? 'dead' : 'silent';
    this.#backlog = [];
    for (const { connection } of this.#clients) {
      if (how === 'reset') connection.end('ECONNRESET', unsent);
      else {
        connection.orphan();
        this.#orphans.add(connection);
      }
    }
    this.#clients.clear();
    this.#subscribers.clear();
  }

  /**
   * Comes back without clients; its kernel refuses remnants of connections that it does not know.
   */
  restart(): void {
    if (this.state === 'up' || this.state === 'hung') return;
    this.state = 'up';
    for (const connection of this.#orphans) connection.end('ECONNRESET', 'lost');
    this.#orphans.clear();
  }

  /**
   * Closes the subscribing connections of a process, as Redis does when their output buffer is
   * full; unread data is lost.
   */
  cutSubscriber(processName: string): void {
    for (const client of this.#clients)
      if (client.connection.process.name === processName && client.channels.size > 0) this.#cut(client, 'ECONNRESET');
  }

  #work(work: () => void): void {
    if (this.state === 'hung') this.#backlog.push(work);
    else if (this.state === 'up') work();
  }

  #read(client: Client, bytes: Uint8Array): void {
    if (!this.#clients.has(client)) return;
    client.unread = Buffer.concat([client.unread, bytes]);
    const replies: Buffer[] = [];
    for (let command = takeCommand(client); command !== undefined; command = takeCommand(client))
      replies.push(...this.#obey(client, command));
    if (replies.length > 0) client.connection.send(Buffer.concat(replies));
  }

  #obey(client: Client, [name, ...words]: readonly Buffer[]): Buffer[] {
    switch (name?.toString().toUpperCase()) {
      case 'AUTH':
        return [Buffer.from('+OK\r\n')];
      case 'PING':
        return [client.channels.size > 0 ? array(bulk('pong'), bulk('')) : Buffer.from('+PONG\r\n')];
      case 'PUBLISH':
        return [Buffer.from(`:${this.#publish(words[0] ?? Buffer.alloc(0), words[1] ?? Buffer.alloc(0))}\r\n`)];
      case 'SUBSCRIBE':
        return words.map((channel) => {
          this.#subscribe(client, channel.toString());
          return array(bulk('subscribe'), bulk(channel), Buffer.from(`:${client.channels.size}\r\n`));
        });
      case 'UNSUBSCRIBE':
        return words.map((channel) => {
          this.#unsubscribe(client, channel.toString());
          return array(bulk('unsubscribe'), bulk(channel), Buffer.from(`:${client.channels.size}\r\n`));
        });
      default:
        return [Buffer.from('-ERR unknown command\r\n')];
    }
  }

  #publish(channel: Buffer, message: Buffer): number {
    this.published++;
    const clients = this.#subscribers.get(channel.toString()) ?? new Set<Client>();
    const push = array(bulk('message'), bulk(channel), bulk(message));
    for (const { connection } of clients) {
      const { lossShare, random } = connection.path;
      if (lossShare === 0 || !random.chance(lossShare)) connection.send(push);
    }
    const receivers = clients.size;
    for (const client of [...clients]) if (client.connection.unreadBytes > this.outputBytesMax) this.#cut(client, 'ECONNRESET');
    return receivers;
  }

  #subscribe(client: Client, channel: string): void {
    client.channels.add(channel);
    const subscribers = this.#subscribers.get(channel) ?? new Set();
    this.#subscribers.set(channel, subscribers.add(client));
  }

  #unsubscribe(client: Client, channel: string): void {
    client.channels.delete(channel);
    const subscribers = this.#subscribers.get(channel);
    subscribers?.delete(client);
    if (subscribers?.size === 0) this.#subscribers.delete(channel);
  }

  #cut(client: Client, reason: string): void {
    this.#forget(client);
    client.connection.end(reason, 'lost');
  }

  #forget(client: Client): void {
    this.#clients.delete(client);
    for (const channel of [...client.channels]) this.#unsubscribe(client, channel);
  }
}

/**
 * Takes the next complete command, an array of bulk strings, from the bytes that the client sent.
 */
function takeCommand(client: Client): Buffer[] | undefined {
  const { unread } = client;
  let at = 0;
  const line = (): string | undefined => {
    const end = unread.indexOf('\r\n', at);
    if (end < 0) return undefined;
    const text = unread.toString('latin1', at, end);
    at = end + 2;
    return text;
  };
  const head = line();
  if (head === undefined) return undefined;
  const words: Buffer[] = [];
  for (let left = Number(head.slice(1)); left > 0; left--) {
    const size = line();
    if (size === undefined) return undefined;
    const length = Number(size.slice(1));
    if (unread.length < at + length + 2) return undefined;
    words.push(unread.subarray(at, at + length));
    at += length + 2;
  }
  client.unread = unread.subarray(at);
  return words;
}

function bulk(content: string | Buffer): Buffer {
  return Buffer.concat([Buffer.from(`$${content.length}\r\n`), Buffer.from(content), Buffer.from('\r\n')]);
}

function array(...items: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from(`*${items.length}\r\n`), ...items]);
}
