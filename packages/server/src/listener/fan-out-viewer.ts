// A viewer as fan-out sees it: a connection, its last receipt, and a queue only while it is behind.
// The record is small, since a listener has tens of thousands of viewers.
import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Connection } from '../gateway/connection.ts';
import type { ViewerQueue } from './viewer-queue.ts';

/**
 * The part of a viewer's net.Socket that fan-out uses. Only fan-out and the viewer's WebSocket
 * write to it.
 */
export interface ViewerSocket {
  readonly destroyed: boolean;
  /** Bytes handed to `write` that the kernel has not taken yet. */
  readonly writableLength: number;
  /**
   * `taken` is called when the kernel has taken these bytes and all before them, or with an error.
   */
  write(bytes: Uint8Array, taken?: (error?: Error | null) => void): boolean;
}

/**
 * A socket that puts bytes on the wire unchanged. Node exposes the descriptor only through this
 * handle, which is there until the socket is `destroyed`.
 */
interface PlainSocket {
  readonly destroyed: boolean;
  readonly _handle?: { readonly fd?: number } | null;
}

/** The part of a viewer's connection that fan-out uses. */
export type ViewerConnection = Pick<Connection, 'closing' | 'send' | 'close'>;

/** A viewer of one epoch. Only FanOut writes its fields. */
export class Viewer {
  readonly connection: ViewerConnection;
  readonly socket: ViewerSocket;
  /** The socket, if messages may be sent directly to its descriptor. */
  readonly plain: PlainSocket | undefined;
  /** Index among the viewers at the head or, if the viewer has a queue, among those behind. */
  index = 0;
  /** The last sequence it reported; -1: none. */
  receipted = -1;
  /** The last sequence of its greeting. It must report that one before it counts as at the head. */
  greetedTo = -1;
  /** When it last reported, or joined; monotonic milliseconds. */
  heardMs: number;
  /** When it was last asked for a receipt; monotonic milliseconds. */
  askedMs: number;
  /** Only while the viewer is behind. */
  queue: ViewerQueue | undefined;
  /** Whether a callback is pending for when the socket has taken everything. */
  awaitsSocket = false;

  constructor(connection: ViewerConnection, socket: ViewerSocket, nowMs: number) {
    this.connection = connection;
    this.socket = socket;
    this.plain = socket instanceof Socket && !(socket instanceof TLSSocket) ? socket : undefined;
    this.heardMs = nowMs;
    this.askedMs = nowMs;
  }
}
