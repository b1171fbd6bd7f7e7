// What one socket brings takes turns with all else. In: reads of up to 64 KiB, which may hold ten thousand small messages or requests.
// Out: the same bytes in slices, one a turn of the event loop, so that a parser never holds up others for long. A socket that its user
// is done with is read no further. It keeps to the contract of streams: `push` and `_read` are what an implementer may replace.
import type { Socket } from 'node:net';

/** Small HTTP requests cost most to parse: some 50 of them. */
const HTTP_SLICE_BYTES = 2_048;
/** 700 of the smallest WebSocket frames. */
const WEB_SOCKET_SLICE_BYTES = 4_096;
/** What a peer sends after the close, since it has not heard of it yet, is read up to this. */
const CLOSING_BYTES_MAX = 65_536;

/** The reads of one socket. */
export class ReadTurns {
  readonly #socket: Socket;
  readonly #push: Socket['push'];
  readonly #read: Socket['_read'];
  /** Read and not pushed yet, in order; null: the end. */
  readonly #waiting: (Buffer | null)[] = [];
  /** What the slices are cut from. */
  #whole: Buffer | undefined;
  #sliceBytes = HTTP_SLICE_BYTES;
  #isClosing: () => boolean = () => false;
  #closingBytes = 0;
  #isScheduled = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#push = socket.push.bind(socket);
    this.#read = socket._read.bind(socket);
    socket.push = (chunk: Buffer | null) => this.#take(chunk);
    socket._read = (size) => {
      if (this.#waiting.length > 0) this.#schedule();
      else if (!this.#isLeft) this.#read(size);
    };
    // Node's parser reads a plain socket past its stream, unless there is a listener.
    const listener = () => undefined;
    socket.on('data', listener).off('data', listener);
  }

  /** It is a WebSocket from now on. `isClosing`: whether the server has closed it, so that little of what still comes is read. */
  upgrade(isClosing: () => boolean): void {
    this.#sliceBytes = WEB_SOCKET_SLICE_BYTES;
    this.#isClosing = isClosing;
  }

  /** The read that the parser is given in slices; undefined: it is given all of it. */
  get whole(): Buffer | undefined {
    return this.#whole;
  }

  /** Reads no further: the socket is closed as soon as what has been written to it is out. */
  leave(): void {
    this.#closingBytes = Number.POSITIVE_INFINITY;
    this.#waiting.length = 0;
  }

  /** Whether the rest stays unread. */
  get #isLeft(): boolean {
    return this.#closingBytes > CLOSING_BYTES_MAX;
  }

  /** Takes what has been read; false: no more for now. */
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
    setImmediate(() => {
      this.#isScheduled = false;
      if (!this.#socket.destroyed) this.#passSlice();
    });
  }
}
