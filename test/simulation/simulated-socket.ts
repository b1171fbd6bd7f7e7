// The connection between a server process and a client (viewer or broadcaster), seen from both
// ends. The server's end gives the code under test the interfaces of `ws` and net.Socket: a
// WebSocket over a socket whose kernel buffer and bandwidth are limited. The client's end gets
// whole messages, and can stop reading, close, or vanish.
import { EventEmitter } from 'node:events';
import type { ViewerSocket } from '../../packages/server/src/listener/fan-out-viewer.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import { Phase, type VirtualTime } from './virtual-time.ts';
import { ControlFrame, controlFrame, messageFrame, WebSocketReader } from './web-socket-frame.ts';

/** Properties of a client's line. */
export interface Line {
  /** One-way delay, milliseconds. */
  readonly delayMs: number;
  readonly bytesPerMs: number;
  /** Bytes that the server's kernel takes before `writableLength` grows. */
  readonly kernelBytes: number;
}

/** The client's end. */
export interface ClientEnd {
  message(bytes: Uint8Array): void;
  closed(code: number): void;
}

const TRANSPORT_FAILED = 1_006;

interface Written {
  left: Uint8Array;
  readonly taken: ((error?: Error | null) => void) | undefined;
}

/** A connection. */
export class SimulatedSocket {
  readonly webSocket: SimulatedWebSocket;
  readonly process: SimulatedProcess;
  /** Whether the client's WebSocket answers pings. */
  answersPings = true;
  readonly #line: Line;
  readonly #time: VirtualTime;
  readonly #client: ClientEnd;
  readonly #reader: WebSocketReader;
  readonly #waiting: Written[] = [];
  readonly #kernel: Uint8Array[] = [];
  #kernelBytes = 0;
  #waitingBytes = 0;
  #sending = false;
  #stalled = false;
  #lastToClientMs = 0;
  #lastToServerMs = 0;
  #clientGone = false;
  #serverGone = false;

  constructor(options: { time: VirtualTime; process: SimulatedProcess; line: Line; client: ClientEnd; random: SeededRandom }) {
    this.#time = options.time;
    this.process = options.process;
    this.#line = options.line;
    this.#client = options.client;
    this.webSocket = new SimulatedWebSocket(this);
    this.#reader = new WebSocketReader((opcode, payload) => this.#takeFrame(opcode, payload));
    options.process.deaths.push(() => this.#die());
  }

  /** The socket to which the code under test writes frames. */
  get viewerSocket(): ViewerSocket {
    return this.webSocket.under;
  }

  /** Bytes that the kernel has not taken. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  get ended(): boolean {
    return this.#serverGone;
  }

  // Sends a message from the client's end.

  send(message: Uint8Array): void {
    if (!this.#clientGone) this.#toServer(() => this.webSocket.receive(message));
  }

  /** Sends a WebSocket ping. */
  ping(): void {
    if (!this.#clientGone) this.#toServer(() => this.webSocket.receive(NOTHING, 'ping'));
  }

  /** Closes with a close frame. */
  close(code = 1_000): void {
    if (this.#clientGone) return;
    this.#clientGone = true;
    this.#toServer(() => this.end(code));
  }

  /** Breaks the connection. */
  cut(): void {
    this.close(TRANSPORT_FAILED);
  }

  /** Stops reading, or resumes. */
  stall(isStalled: boolean): void {
    this.#stalled = isStalled;
    this.#transmit();
  }

  // Writes at the server's end.

  write(bytes: Uint8Array, taken?: (error?: Error | null) => void): boolean {
    if (this.#serverGone) {
      if (taken !== undefined) this.#soon(() => taken(new Error('the socket is closed')));
      return false;
    }
    this.#waiting.push({ left: bytes, taken });
    this.#waitingBytes += bytes.length;
    this.#fill();
    return this.#waitingBytes === 0;
  }

  /** The connection has ended for the server. */
  end(code: number): void {
    if (this.#serverGone) return;
    this.#serverGone = true;
    for (const { taken } of this.#waiting.splice(0)) if (taken !== undefined) this.#soon(() => taken(new Error('the socket is closed')));
    this.#waitingBytes = 0;
    if (!this.#clientGone) this.#toClient(() => this.#leaveClient(code));
    this.webSocket.ended(code);
  }

  #die(): void {
    // The bytes that the kernel has taken still arrive; then the client learns of the end.
    this.end(TRANSPORT_FAILED);
  }

  #leaveClient(code: number): void {
    if (this.#clientGone) return;
    this.#clientGone = true;
    this.#client.closed(code);
  }

  #takeFrame(opcode: number, payload: Buffer): void {
    if (this.#clientGone) return;
    if (opcode === ControlFrame.CLOSE) {
      const code = payload.readUInt16BE(0);
      this.#leaveClient(code);
      this.#toServer(() => this.end(code));
    } else if (opcode === ControlFrame.PING) {
      if (this.answersPings) this.#toServer(() => this.webSocket.receive(payload, 'pong'));
    } else if (opcode !== ControlFrame.PONG) this.#client.message(payload);
  }

  #fill(): void {
    for (let [head] = this.#waiting; head !== undefined; [head] = this.#waiting) {
      const room = this.#line.kernelBytes - this.#kernelBytes;
      if (head.left.length > room) {
        if (room > 0) {
          this.#take(head.left.subarray(0, room));
          head.left = head.left.subarray(room);
        }
        break;
      }
      this.#take(head.left);
      this.#waiting.shift();
      const { taken } = head;
      if (taken !== undefined) this.#soon(taken);
    }
    this.#transmit();
  }

  #take(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#kernel.push(bytes);
    this.#kernelBytes += bytes.length;
    this.#waitingBytes -= bytes.length;
  }

  #transmit(): void {
    const [head] = this.#kernel;
    if (this.#sending || this.#stalled || head === undefined) return;
    this.#sending = true;
    this.#time.at(this.#time.nowMs + head.length / this.#line.bytesPerMs, Phase.arrival, () => {
      this.#sending = false;
      this.#kernel.shift();
      this.#kernelBytes -= head.length;
      this.#toClient(() => this.#reader.push(head));
      this.#fill();
    });
  }

  #toClient(arrive: () => void): void {
    this.#lastToClientMs = Math.max(this.#lastToClientMs, this.#time.nowMs + this.#line.delayMs);
    this.#time.at(this.#lastToClientMs, Phase.arrival, arrive);
  }

  #toServer(arrive: () => void): void {
    this.#lastToServerMs = Math.max(this.#lastToServerMs, this.#time.nowMs + this.#line.delayMs);
    this.#time.at(this.#lastToServerMs, Phase.arrival, () => this.process.deliver(arrive));
  }

  #soon(run: () => void): void {
    this.#time.at(this.#time.nowMs, Phase.arrival, () => this.process.deliver(run));
  }
}

const NOTHING = new Uint8Array();

/**
 * The WebSocket of the code under test: the part of the `ws` interface that gateway/connection.ts
 * uses.
 */
class SimulatedWebSocket extends EventEmitter {
  readonly OPEN = 1;
  readonly CLOSED = 3;
  readyState: 1 | 2 | 3 = 1;
  readonly under: ViewerSocket;
  readonly #socket: SimulatedSocket;
  #paused = false;
  #received: { readonly data: Uint8Array; readonly event: 'message' | 'ping' | 'pong' }[] = [];

  constructor(socket: SimulatedSocket) {
    super();
    this.#socket = socket;
    this.under = {
      get destroyed() {
        return socket.ended;
      },
      get writableLength() {
        return socket.waitingBytes;
      },
      write: (bytes, taken) => socket.write(bytes, taken),
    };
  }

  get bufferedAmount(): number {
    return this.#socket.waitingBytes;
  }

  send(message: Uint8Array): void {
    if (this.readyState === this.OPEN) this.#socket.write(messageFrame(message));
  }

  close(code: number): void {
    if (this.readyState !== this.OPEN) return;
    this.readyState = 2;
    this.#socket.write(controlFrame(ControlFrame.CLOSE, Buffer.from([code >> 8, code & 0xff])));
  }

  terminate(): void {
    this.#socket.end(TRANSPORT_FAILED);
  }

  ping(): void {
    if (this.readyState === this.OPEN) this.#socket.write(controlFrame(ControlFrame.PING));
  }

  pong(data: Uint8Array): void {
    if (this.readyState === this.OPEN) this.#socket.write(controlFrame(ControlFrame.PONG, data));
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    while (!this.#paused && this.#received.length > 0) {
      const next = this.#received.shift();
      if (next !== undefined) this.emit(next.event, next.data, true);
    }
  }

  /** A message from the client, or a ping or its answer. They still come while this end closes. */
  receive(data: Uint8Array, event: 'message' | 'ping' | 'pong' = 'message'): void {
    if (this.readyState === this.CLOSED) return;
    if (this.#paused) this.#received.push({ data, event });
    else this.emit(event, data, true);
  }

  /** The socket is gone. */
  ended(code: number): void {
    this.readyState = this.CLOSED;
    this.emit('close', code);
  }
}
