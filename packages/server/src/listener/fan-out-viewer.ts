// A viewer as fan-out sees it: a connection, where its receipts stand, and a queue only while it is behind. Small, since a
// listener has tens of thousands.
import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Connection } from '../gateway/connection.ts';
import type { ViewerQueue } from './viewer-queue.ts';

/** What fan-out needs of a viewer's net.Socket. Nobody else but its WebSocket writes to it. */
export interface ViewerSocket {
  readonly destroyed: boolean;
  /** Bytes handed to `write` that the kernel has not taken. */
  readonly writableLength: number;
  /** `taken` is called when these bytes and all before them have been taken, or with an error. */
  write(bytes: Uint8Array, taken?: (error?: Error | null) => void): boolean;
}

/** A socket whose bytes are on the wire as they are. Node shows no descriptor but this; it is there until `destroyed`. */
interface PlainSocket {
  readonly destroyed: boolean;
  readonly _handle?: { readonly fd?: number } | null;
}

/** What fan-out needs of a viewer's connection. */
export type ViewerConnection = Pick<Connection, 'closing' | 'send' | 'close'>;

/** A viewer of one epoch. FanOut alone writes its fields. */
export class Viewer {
  readonly connection: ViewerConnection;
  readonly socket: ViewerSocket;
  /** The socket, if a message may be sent to its descriptor. */
  readonly plain: PlainSocket | undefined;
  /** Where it is among those at the head, or, with a queue, among those behind. */
  index = 0;
  /** The last sequence it reported; -1: none. */
  receipted = -1;
  /** The last sequence of what it was given when it joined: it must report that before it is at the head. */
  greetedTo = -1;
  /** When it reported, or came; monotonic milliseconds. */
  heardMs: number;
  /** When it was last asked to report; monotonic milliseconds. */
  askedMs: number;
  /** Only while it is behind. */
  queue: ViewerQueue | undefined;
  /** Whether a call is due when the socket has taken everything. */
  awaitsSocket = false;

  constructor(connection: ViewerConnection, socket: ViewerSocket, nowMs: number) {
    this.connection = connection;
    this.socket = socket;
    this.plain = socket instanceof Socket && !(socket instanceof TLSSocket) ? socket : undefined;
    this.heardMs = nowMs;
    this.askedMs = nowMs;
  }
}
