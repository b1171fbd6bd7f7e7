// Sends calls to brokers and returns their answers. A channel has the connections of one purpose,
// at most one to each broker. Each is opened when first needed and again after it broke. A broker
// answers the calls of one connection in order, so a call that waits long (a join, a fetch) needs a
// channel of its own.
import { type API, Connection, type ConnectionOptions } from '@platformatic/kafka';
import type { BrokerAddress } from './address.ts';

/** The access settings for brokers: TLS and SASL in the library's form. */
export type Security = Pick<ConnectionOptions, 'tls' | 'sasl'>;

/** The answer type of a call. */
export type AnswerOf<T> = T extends API<infer _Request, infer Answer> ? Answer : never;

interface ChannelOptions {
  readonly security: Security;
  /** If a connection takes longer to open, it has failed. */
  readonly connectTimeoutMs: number;
  /** If a call takes longer, it has failed, and its connection with it. */
  readonly requestTimeoutMs: number;
  readonly onClose?: () => void;
}

/** The connections of one purpose. */
export class Channel {
  readonly #options: ChannelOptions;
  readonly #open = new Map<string, { connection: Connection; ready: Promise<Connection> }>();
  #closed = false;

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  /** Makes one call. Rejects with the library's errors: see fault.ts. */
  async call<A extends unknown[], R>(broker: BrokerAddress, api: API<A, R>, ...request: A): Promise<R> {
    const connection = await this.#connect(broker);
    return api.async(connection, ...request);
  }

  /** Closes every connection at once; pending calls reject. */
  close(): void {
    this.#closed = true;
    for (const { connection } of this.#open.values()) end(connection);
    this.#open.clear();
    this.#options.onClose?.();
  }

  #connect({ host, port }: BrokerAddress): Promise<Connection> {
    if (this.#closed) return Promise.reject(new Error('the channel is closed'));
    const name = `${host}:${port}`;
    const known = this.#open.get(name);
    if (known !== undefined) return known.ready;
    const { security, connectTimeoutMs, requestTimeoutMs } = this.#options;
    const connection = new Connection('hayate', { ...security, connectTimeout: connectTimeoutMs, requestTimeout: requestTimeoutMs });
    const forget = () => {
      if (this.#open.get(name)?.connection === connection) this.#open.delete(name);
    };
    // An error here also fails the calls.
    connection.on('error', forget);
    connection.on('close', forget);
    const ready = (async () => {
      try {
        await connection.connect(host, port);
        return connection;
      } catch (error) {
        forget();
        end(connection);
        throw error;
      }
    })();
    this.#open.set(name, { connection, ready });
    return ready;
  }
}

/** Ends a connection without waiting for unsent data. */
function end(connection: Connection): void {
  connection.close().catch(() => undefined);
  connection.socket?.destroy();
}
