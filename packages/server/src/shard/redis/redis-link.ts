// A connection to one Redis that reconnects by itself. It dials, greets (AUTH, PING) and passes
// replies on. After the connection ends, it dials again with growing pauses. Its user sees whole
// replies, and learns when the link is up and when it is down.
import type { CancelTimer, Clock } from '../../kernel/clock.ts';
import type { ByteConnection, Dial } from './dial.ts';
import { RespError, RespParser, type RespValue } from './resp-parser.ts';
import { writeCommand } from './resp-writer.ts';
import type { ShardServer } from './server-address.ts';

/** The dependencies of a link. */
export interface LinkParts {
  readonly dial: Dial;
  readonly clock: Clock;
  /** 0 to 1; varies the pauses. */
  readonly random: () => number;
}

/** The events of a link. */
interface LinkEvents {
  /** The server has answered the greeting; bytes can be written. */
  linked(): void;
  reply(value: RespValue): void;
  /** The link broke, or could not be made (`wasLinked` false). It will try again. */
  broken(reason: string, wasLinked: boolean): void;
}

/** The most time that connecting and greeting may take. */
const GREETING_MS_MAX = 2_000;
/**
 * The first pause and the longest. The longest is short enough that all processes have reconnected
 * before a server that returned is used again.
 */
const PAUSE_MS = 25;
const PAUSE_MS_MAX = 500;
/** A link that lasted this long starts again with the first pause. */
const SETTLED_MS = 1_000;
const ERROR_CHARACTERS_MAX = 200;

/** One connection at a time to one server, until closed. */
export class RedisLink {
  readonly #server: ShardServer;
  readonly #parts: LinkParts;
  readonly #events: LinkEvents;
  #connection: ByteConnection | undefined;
  #linkedAtMs: number | undefined;
  /** Greeting replies that are still due. */
  #greetings = 0;
  #failures = 0;
  #cancelTimer: CancelTimer = () => undefined;
  #closed = false;

  constructor(server: ShardServer, parts: LinkParts, events: LinkEvents) {
    this.#server = server;
    this.#parts = parts;
    this.#events = events;
    this.#dial();
  }

  /** Whether bytes can be written. */
  get linked(): boolean {
    return this.#linkedAtMs !== undefined;
  }

  /** Sends bytes; does nothing when not linked. */
  write(bytes: Uint8Array): void {
    if (this.linked) this.#connection?.write(bytes);
  }

  /** Ends the connection because of `reason`; the link reconnects after a pause. */
  drop(reason: string): void {
    if (this.#connection === undefined || this.#closed) return;
    this.#connection.destroy();
    this.#end(reason);
  }

  /** Ends the link for good. It reports nothing afterwards. */
  close(): void {
    this.#closed = true;
    this.#cancelTimer();
    this.#connection?.destroy();
    this.#connection = undefined;
    this.#linkedAtMs = undefined;
  }

  #dial(): void {
    const { dial, clock } = this.#parts;
    const parser = new RespParser();
    this.#connection = dial(this.#server.address, {
      open: () => this.#greet(),
      data: (bytes) => this.#read(parser, bytes),
      closed: (reason) => this.#end(reason),
    });
    const giveUp = (): void => this.drop('no greeting');
    this.#cancelTimer = clock.after(GREETING_MS_MAX, () => {
      this.#cancelTimer = clock.soon(giveUp);
    });
  }

  #greet(): void {
    const { credentials } = this.#server;
    const { user, password } = credentials ?? {};
    const words = password === undefined ? [] : [writeCommand('AUTH', ...(user === undefined ? [] : [user]), password)];
    this.#greetings = words.length + 1;
    this.#connection?.write(Buffer.concat([...words, writeCommand('PING')]));
  }

  #read(parser: RespParser, bytes: Uint8Array): void {
    const connection = this.#connection;
    try {
      parser.push(bytes, (value) => {
        // The handling of a reply may have ended this connection.
        if (this.#connection !== connection) return;
        if (this.#linkedAtMs === undefined) this.#readGreeting(value);
        else this.#events.reply(value);
      });
    } catch (error) {
      if (!(error instanceof RespError)) throw error;
      if (this.#connection === connection) this.drop(`not a Redis: ${error.message}`);
    }
  }

  #readGreeting(value: RespValue): void {
    if (typeof value !== 'object' || value === null || !('status' in value)) {
      const error = typeof value === 'object' && value !== null && 'error' in value ? value.error : 'an unexpected greeting';
      this.drop(error.slice(0, ERROR_CHARACTERS_MAX));
      return;
    }
    if (--this.#greetings > 0) return;
    this.#cancelTimer();
    this.#linkedAtMs = this.#parts.clock.nowMs();
    this.#events.linked();
  }

  #end(reason: string): void {
    const { clock, random } = this.#parts;
    const linkedAtMs = this.#linkedAtMs;
    this.#cancelTimer();
    this.#connection = undefined;
    this.#linkedAtMs = undefined;
    this.#failures = linkedAtMs !== undefined && clock.nowMs() - linkedAtMs >= SETTLED_MS ? 0 : this.#failures + 1;
    const pauseMs = Math.min(PAUSE_MS_MAX, PAUSE_MS * 2 ** Math.min(this.#failures, 10)) * (0.5 + random() / 2);
    this.#cancelTimer = clock.after(pauseMs, () => this.#dial());
    this.#events.broken(reason, linkedAtMs !== undefined);
  }
}
