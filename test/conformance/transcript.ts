// Golden transcripts: the bytes of both directions of a few connections, recorded between the real
// server and the SDK. In: the SDK's WebSocket and the scenario's notes. Out: one JSON object.
// Invariant: no token is stored; its characters are replaced and its length is kept.
import { fromBinary, type JsonObject, type JsonValue, toBinary, toJson } from '@bufbuild/protobuf';
import { type ClientMessage, ClientMessageSchema, FrameSchema, type ServerMessage, ServerMessageSchema } from '@hayate/protocol';

/** An event at the server or in the network during a transcript. */
export type TranscriptEvent = 'server killed' | 'server started' | 'log fails' | 'log works';

/** One message. */
export interface TranscriptMessage {
  /** Milliseconds since the first message of the transcript. */
  atMs: number;
  from: 'client' | 'server';
  hex: string;
  /** The message in Protobuf's JSON, its frames decoded to Frame messages. */
  json: JsonValue;
}

/** One connection, from its first message to its end. */
export interface TranscriptConnection {
  endpoint: string;
  messages: TranscriptMessage[];
  /**
   * `network`: the connection was cut without a close frame; the code is the one that a WebSocket
   * then reports.
   */
  close: { atMs: number; by: 'client' | 'server' | 'network'; code: number };
}

/** A file of spec/vectors/transcripts. */
export interface Transcript {
  name: string;
  about: string;
  /** Flags of the server in addition to its defaults. */
  flags: readonly string[];
  events: { atMs: number; what: TranscriptEvent }[];
  connections: TranscriptConnection[];
}

/** Decodes a message of a transcript. */
export const clientMessage = (hex: string): ClientMessage => fromBinary(ClientMessageSchema, Buffer.from(hex, 'hex'));
export const serverMessage = (hex: string): ServerMessage => fromBinary(ServerMessageSchema, Buffer.from(hex, 'hex'));

/** The JSON form of a message in transcripts. */
export function transcriptJson(from: 'client' | 'server', hex: string): JsonValue {
  const bytes = Buffer.from(hex, 'hex');
  const json = from === 'client' ? toJson(ClientMessageSchema, clientMessage(hex)) : toJson(ServerMessageSchema, serverMessage(hex));
  const { frames } = fromBinary(from === 'client' ? ClientMessageSchema : ServerMessageSchema, bytes);
  if (frames.length === 0) return json;
  return { ...(json as JsonObject), frames: frames.map((frame) => toJson(FrameSchema, fromBinary(FrameSchema, frame))) };
}

const placeholder = (token: string): string => 'x'.repeat(token.length);

/**
 * A client's message with every token replaced by `x` characters of the same number. Throws if that
 * changes more than the token.
 */
function withoutTokens(bytes: Uint8Array): Buffer {
  const message = fromBinary(ClientMessageSchema, bytes);
  message.token = placeholder(message.token);
  if (message.publish !== undefined) message.publish.token = placeholder(message.publish.token);
  if (message.watch !== undefined) message.watch.token = placeholder(message.watch.token);
  const replaced = Buffer.from(toBinary(ClientMessageSchema, message));
  if (replaced.length !== bytes.length) throw new Error('replacing the token changed the length of the message');
  return replaced;
}

/** Records the connections of clients that use its WebSocket. */
export class TranscriptRecorder {
  readonly #connections: TranscriptConnection[] = [];
  readonly #events: Transcript['events'] = [];
  #startedMs: number | undefined;
  #open = 0;

  /** Notes an event just before it happens to the server. */
  note(what: TranscriptEvent): void {
    this.#events.push({ atMs: this.#atMs(), what });
  }

  /** Number of open connections. */
  get open(): number {
    return this.#open;
  }

  /** The recorded transcript; connections are in the order in which they were opened. */
  transcript(name: string, about: string, flags: readonly string[]): Transcript {
    const spoken = this.#connections.filter(({ messages }) => messages.length > 0);
    return { name, about, flags, events: this.#events, connections: spoken };
  }

  /** Node's WebSocket class, extended to record all messages. */
  get WebSocket(): typeof WebSocket {
    const begin = (url: string | URL): TranscriptConnection => {
      const connection: TranscriptConnection = {
        endpoint: new URL(url).pathname,
        messages: [],
        close: { atMs: 0, by: 'network', code: 1006 },
      };
      this.#connections.push(connection);
      this.#open++;
      return connection;
    };
    const add = (connection: TranscriptConnection, from: 'client' | 'server', bytes: Buffer): void => {
      const hex = bytes.toString('hex');
      connection.messages.push({ atMs: this.#atMs(), from, hex, json: transcriptJson(from, hex) });
    };
    const end = (connection: TranscriptConnection, by: 'client' | 'server' | 'network', code: number): void => {
      connection.close = { atMs: this.#atMs(), by, code };
      this.#open--;
    };
    return class extends WebSocket {
      readonly #connection: TranscriptConnection;
      #closedWith: number | undefined;

      constructor(url: string | URL, protocols?: string | string[]) {
        super(url, protocols);
        this.#connection = begin(url);
        this.addEventListener('message', ({ data }) => {
          if (data instanceof ArrayBuffer) add(this.#connection, 'server', Buffer.from(data));
        });
        this.addEventListener('close', ({ code }) => {
          if (this.#closedWith !== undefined) end(this.#connection, 'client', this.#closedWith);
          else end(this.#connection, code === 1006 ? 'network' : 'server', code);
        });
      }

      override send(data: string | ArrayBufferLike | Blob | ArrayBufferView): void {
        if (!(data instanceof Uint8Array)) throw new TypeError('the SDK sends bytes');
        add(this.#connection, 'client', withoutTokens(data));
        super.send(data.slice());
      }

      override close(code?: number, reason?: string): void {
        this.#closedWith ??= code ?? 1000;
        super.close(code, reason);
      }
    };
  }

  #atMs(): number {
    const nowMs = performance.now();
    this.#startedMs ??= nowMs;
    return Math.round(nowMs - this.#startedMs);
  }
}
