// One WebSocket connection of a client under test, from the kit's side. In: messages, decoded. Out:
// messages, built by the generated codecs. It answers pings until it is muted, and judges the rules
// of every connection (C1, C2, C3).
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { type ClientMessage, ClientMessageSchema, PATHS, type ServerMessage, ServerMessageSchema } from '@hayate/protocol';
import type { WebSocket } from 'ws';
import { withUnknownFields } from './unknown-field.ts';
import type { Verdict } from './verdict.ts';

/** The fields of a ServerMessage. */
export type ServerMessageInput = Exclude<MessageInitShape<typeof ServerMessageSchema>, ServerMessage>;

/** A client must send something at least every 15 s (C3). The kit allows three more. */
const QUIET_MS_MAX = 18_000;

export interface ConnectionOptions {
  readonly socket: WebSocket;
  readonly path: string;
  readonly verdict: Verdict;
  /** Called when something has happened. */
  readonly onChange: () => void;
}

/** One connection. */
export class Connection {
  readonly path: string;
  readonly openedMs = performance.now();
  readonly #socket: WebSocket;
  readonly #verdict: Verdict;
  readonly #onChange: () => void;
  readonly #waiting: ClientMessage[] = [];
  readonly #pongs = new Set<string>();
  #handler: ((message: ClientMessage) => void) | undefined;
  #heardMs = this.openedMs;
  #probes = 0;
  /** Nothing more is sent, not even pongs. */
  muted = false;
  /** Every message carries fields that this contract does not define. */
  odd = false;
  /** Numbers of received pings of the protocol, and of received messages of any kind. */
  pings = 0;
  messages = 0;
  hello: ClientMessage | undefined;
  /** Close code and time of the end, once the connection has ended. */
  closed: { readonly code: number; readonly atMs: number } | undefined;
  /** When the kit closed or cut the connection. */
  droppedMs: number | undefined;

  constructor({ socket, path, verdict, onChange }: ConnectionOptions) {
    this.#socket = socket;
    this.path = path;
    this.#verdict = verdict;
    this.#onChange = onChange;
    socket.on('message', (data: Buffer, isBinary) => this.#receive(data, isBinary));
    socket.on('ping', (data) => {
      this.#heard();
      if (!this.muted) socket.pong(data);
    });
    socket.on('pong', (data) => {
      this.#heard();
      this.#pongs.add(data.toString());
      onChange();
    });
    socket.on('error', () => undefined);
    socket.on('close', (code) => {
      this.#heard();
      this.closed = { code, atMs: performance.now() };
      onChange();
    });
  }

  get isOpen(): boolean {
    return this.closed === undefined && this.droppedMs === undefined;
  }

  /** Passes `handler` the messages after the first, including those that have already arrived. */
  handle(handler: (message: ClientMessage) => void): void {
    this.#handler = handler;
    for (const message of this.#waiting.splice(0)) handler(message);
  }

  /** Milliseconds since the client last sent something. */
  get quietMs(): number {
    return performance.now() - this.#heardMs;
  }

  /** Sends a message. Does nothing once the connection is muted or over. */
  send(message: ServerMessageInput): void {
    if (this.muted || !this.isOpen) return;
    const content = create(ServerMessageSchema, message);
    this.#socket.send(toBinary(ServerMessageSchema, this.odd ? withUnknownFields(content) : content));
  }

  /** Sends raw bytes, for messages that no codec would write. */
  sendBytes(bytes: Uint8Array): void {
    this.#socket.send(bytes);
  }

  /** Sends nothing more, but keeps the connection open. */
  hush(): void {
    this.muted = true;
  }

  /**
   * Sends a ping; the returned function tells whether its pong has come. Everything sent before the
   * ping has then reached the client's machine.
   */
  probe(): () => boolean {
    const name = `probe ${++this.#probes}`;
    this.#socket.ping(name);
    return () => this.#pongs.has(name);
  }

  /** Closes the connection. Without `code`, the close frame has none. */
  close(code?: number): void {
    this.droppedMs ??= performance.now();
    this.#socket.close(code);
  }

  /** Breaks the TCP connection without a close frame. */
  cut(): void {
    this.droppedMs ??= performance.now();
    this.#socket.terminate();
  }

  #heard(): void {
    const nowMs = performance.now();
    const quietMs = nowMs - this.#heardMs;
    this.#heardMs = nowMs;
    if (quietMs > QUIET_MS_MAX && this.droppedMs === undefined)
      this.#verdict.fail('C3', `nothing arrived from the client for ${Math.round(quietMs / 1000)} s`);
  }

  #receive(data: Buffer, isBinary: boolean): void {
    this.#heard();
    this.messages++;
    if (!this.#verdict.check('C1', isBinary, 'a text message arrived')) return;
    let message: ClientMessage;
    try {
      message = fromBinary(ClientMessageSchema, data);
    } catch {
      this.#verdict.fail('C1', 'a message arrived that is not a ClientMessage');
      return;
    }
    if (message.ping !== undefined) {
      this.pings++;
      if (!this.muted) this.send({ pong: { id: message.ping.id, serverUnixUs: serverUnixUs() } });
    }
    if (this.hello === undefined) this.#greet(message);
    else if (this.#handler === undefined) this.#waiting.push(message);
    else this.#handler(message);
    this.#onChange();
  }

  #greet(message: ClientMessage): void {
    const expected = this.path.startsWith(PATHS.publish) ? 'publish' : 'watch';
    this.#verdict.check('C2', message[expected] !== undefined, `the first message on ${this.path} has no ${expected}`);
    this.hello = message;
    // The rest of the first message is taken after the answer.
    this.#waiting.push(message);
  }
}

/** The server's clock, Unix microseconds. */
export function serverUnixUs(): bigint {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000));
}
