// Makes one socket's data take turns with all other work. In: reads of up to 64 KiB, which may hold
// ten thousand small messages or requests. Out: the same bytes in slices, one per turn of the event
// loop, so that a parser never delays others for long. Once a socket's user is done with it, it is
// read no further. The class keeps to the contract of Node's streams, which lets an implementer
// replace `push` and `_read`.
import type { Socket } from 'node:net';
import type { Clock } from '../kernel/clock.ts';

/** About 50 small HTTP requests, which cost most to parse. */
const HTTP_SLICE_BYTES = 2_048;
/** About 700 WebSocket frames of the smallest size. */
const WEB_SOCKET_SLICE_BYTES = 4_096;
/**
 * A peer may still send after the close, since it has not heard of it yet. This many bytes are
 * read.
 */
const CLOSING_BYTES_MAX = 65_536;

/** The reads of one socket. */
export class ReadTurns {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #push: Socket['push'];
  readonly #read: Socket['_read'];
  /** Chunks read but not pushed yet, in order; null: the end. */
  readonly #waiting: (Buffer | null)[] = [];
  /** The chunk that the slices are cut from. */
  #whole: Buffer | undefined;
  #sliceBytes = HTTP_SLICE_BYTES;
  #isClosing: () => boolean = () => false;
  #closingBytes = 0;
  #isScheduled = false;

  constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    this.#push = socket.push.bind(socket);
    this.#read = socket._read.bind(socket);
    socket.push = (chunk: Buffer | null) => this.#take(chunk);
    socket._read = (size) => {
      if (this.#waiting.length > 0) this.#schedule();
      else if (!this.#isLeft) this.#read(size);
    };
    // Node's parser bypasses the stream of a plain socket, unless there is a listener.
    const listener = () => undefined;
    socket.on('data', listener).off('data', listener);
  }

  /**
   * The socket is a WebSocket from now on. `isClosing`: whether the server has closed it, so that
   * only a little of the remaining data is read.
   */
  upgrade(isClosing: () => boolean): void {
    this.#sliceBytes = WEB_SOCKET_SLICE_BYTES;
    this.#isClosing = isClosing;
  }

  /**
   * The chunk that the parser is given in slices; undefined: the parser is given the chunk in one
   * piece.
   */
  get whole(): Buffer | undefined {
    return this.#whole;
  }

  /** Reads no further. The socket is closed once everything written to it has been sent. */
  leave(): void {
    this.#closingBytes = Number.POSITIVE_INFINITY;
    this.#waiting.length = 0;
  }

  /** Whether the rest of the data stays unread. */
  get #isLeft(): boolean {
    return this.#closingBytes > CLOSING_BYTES_MAX;
  }

  /** Takes a chunk that has been read. False: stop reading for now. */
  #take(chunk: Buffer | null): boolean {
    if (this.#isLeft) return false;
    if (this.#waiting.length === 0 && (chunk === null || chunk.length <= this.#sliceBytes)) return this.#pass(chunk);
    this.#waiting.push(chunk);
    if (this.#waiting.length === 1) this.#passSlice();
    return false;
  }

  #pass(chunk: Buffer | null): boolean {
    if (chunk !== null && this.#isClosing()) this.#closingBytes += chunk.length;
    if (this.#isLeft) this.#waiting.length = 0;
    return this.#push(chunk);
  }

  #passSlice(): void {
    const [first] = this.#waiting;
    if (first === undefined) return;
    if (this.#whole === undefined && first !== null) this.#whole = first;
    if (first === null || first.length <= this.#sliceBytes) {
      this.#waiting.shift();
      this.#pass(first);
      this.#whole = undefined;
      return;
    }
    this.#waiting[0] = first.subarray(this.#sliceBytes);
    this.#pass(first.subarray(0, this.#sliceBytes));
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.soon(() => {
      this.#isScheduled = false;
      if (!this.#socket.destroyed) this.#passSlice();
    });
  }
}
