// Hostile clients: each sends one kind of message as fast as the server takes it, and reconnects as
// soon as it is closed. In: a server, tokens, and a duration. Out: how many attempts ended in which
// way: a WebSocket close code, an HTTP status, or a plain close. Bytes are prepared once and
// written raw, so that a flood costs its own process little.
import { connect, type Socket } from 'node:net';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { ClientMessageSchema, PATHS, ServerMessageSchema, SUBPROTOCOL } from '@hayate/protocol';
import { FrameSource } from './wire-peer.ts';

/** The server under the flood, and the token to use. */
export interface FloodTarget {
  readonly port: number;
  /** A token to watch and publish every stream. */
  readonly token: string;
}

/**
 * Counts by how an attempt ended: `4429`, `HTTP 429`, or `cut` for a connection that was closed
 * without a close frame or status.
 */
export type FloodReport = Record<string, number>;

/** One kind of flood. Runs while `going()` is true. */
export type Flood = (target: FloodTarget, going: () => boolean, report: FloodReport) => Promise<void>;

const PIECE_BYTES = 65_536;
const opcodes = { continuation: 0, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** A masked WebSocket frame (RFC 6455 section 5.2) whose mask is zero. */
export function clientFrame(payload: Uint8Array, { opcode = opcodes.binary as number, final = true } = {}): Buffer {
  const { length } = payload;
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const frame = Buffer.alloc(6 + extended + length);
  frame[0] = (final ? 0x80 : 0) | opcode;
  frame[1] = 0x80 | (extended === 0 ? length : extended === 2 ? 126 : 127);
  if (extended === 2) frame.writeUInt16BE(length, 2);
  if (extended === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  frame.set(payload, 6 + extended);
  return frame;
}

/** A ClientMessage as a WebSocket frame. */
export function clientMessage(message: MessageInitShape<typeof ClientMessageSchema>): Buffer {
  return clientFrame(toBinary(ClientMessageSchema, create(ClientMessageSchema, message)));
}

/** As many copies of a frame as fit into one write. */
export function piece(frame: Uint8Array): Buffer {
  return Buffer.concat(Array.from({ length: Math.max(1, Math.floor(PIECE_BYTES / frame.length)) }, () => frame));
}

/** One connection of a flood. */
export class FloodSocket {
  readonly socket: Socket;
  /** Resolves when the connection is closed, to how it ended. */
  readonly ended: Promise<string>;
  /** Bytes of WebSocket frames received. */
  receivedBytes = 0;
  #isEnded = false;
  #status: number | undefined;
  #code: number | undefined;
  #unread: Buffer = Buffer.alloc(0);
  #moved = Promise.withResolvers<void>();
  readonly #messages: Buffer[] = [];

  constructor(port: number, request: string) {
    this.socket = connect({ port, host: '127.0.0.1' });
    this.socket.setNoDelay(true);
    this.socket.write(request);
    const { promise, resolve } = Promise.withResolvers<string>();
    this.ended = promise;
    this.socket
      .on('error', () => undefined)
      .on('drain', () => this.#move())
      .on('data', (data: Buffer) => {
        this.#read(data);
        this.#move();
      })
      .on('close', () => {
        this.#isEnded = true;
        const wasRefused = this.#status !== undefined && this.#status !== 101;
        resolve(this.#code !== undefined ? String(this.#code) : wasRefused ? `HTTP ${this.#status}` : 'cut');
        this.#move();
      });
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** The HTTP status, once received; undefined if the connection closes first. */
  async status(): Promise<number | undefined> {
    while (this.#status === undefined && !this.#isEnded) await this.#moved.promise;
    return this.#status;
  }

  /** The next binary message; undefined if the connection closes first. */
  async message(): Promise<Buffer | undefined> {
    while (this.#messages.length === 0 && !this.#isEnded) await this.#moved.promise;
    return this.#messages.shift();
  }

  /** Writes `bytes` repeatedly while `going()` is true and the connection is open. */
  async pour(bytes: Uint8Array, going: () => boolean): Promise<void> {
    while (going() && !this.#isEnded) if (!this.socket.write(bytes)) await this.#moved.promise;
  }

  #move(): void {
    this.#moved.resolve();
    this.#moved = Promise.withResolvers();
  }

  #read(data: Buffer): void {
    this.#unread = this.#unread.length === 0 ? data : Buffer.concat([this.#unread, data]);
    if (this.#status === undefined) {
      const end = this.#unread.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.#status = Number(this.#unread.toString('latin1', 9, 12));
      this.#unread = this.#unread.subarray(end + 4);
    }
    if (this.#status === 101) this.#readFrames();
  }

  #readFrames(): void {
    for (;;) {
      const [first = 0, second] = this.#unread;
      if (second === undefined) return;
      const extended = second === 126 ? 2 : second === 127 ? 8 : 0;
      const start = 2 + extended;
      if (this.#unread.length < start) return;
      const length = extended === 0 ? second : extended === 2 ? this.#unread.readUInt16BE(2) : Number(this.#unread.readBigUInt64BE(2));
      if (this.#unread.length < start + length) return;
      const payload = this.#unread.subarray(start, start + length);
      this.#unread = this.#unread.subarray(start + length);
      this.receivedBytes += start + length;
      if ((first & 0x0f) === opcodes.close) {
        this.#code ??= payload.readUInt16BE(0);
        this.socket.write(clientFrame(payload.subarray(0, 2), { opcode: opcodes.close }));
        this.socket.end();
      } else if ((first & 0x0f) === opcodes.binary && this.#messages.length < 4) this.#messages.push(payload);
    }
  }
}

/** An upgrade request to `path`. */
export function upgradeRequest(path: string, headers = ''): string {
  const own = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n`;
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${own}Sec-WebSocket-Protocol: ${SUBPROTOCOL}\r\n${headers}\r\n`;
}

export const httpRequest = 'GET /api/streams HTTP/1.1\r\nHost: localhost\r\n\r\n';

const count = (report: FloodReport, end: string) => {
  report[end] = (report[end] ?? 0) + 1;
};

/**
 * Opens an endpoint and sends the first message. Resolves to the connection and the answer, or
 * undefined if there is no answer.
 */
export async function openEndpoint({ port, token }: FloodTarget, path: string, stream: string) {
  const connection = new FloodSocket(port, upgradeRequest(path));
  if ((await connection.status()) === 101)
    connection.socket.write(clientMessage(path === PATHS.watch ? { watch: { stream, token } } : { publish: { stream, token } }));
  const answer = await connection.message();
  return { connection, answer: answer && fromBinary(ServerMessageSchema, answer) };
}

let streams = 0;

/**
 * Opens one connection after another and writes the bytes that `bytesOf` makes for an epoch to
 * each.
 */
const pouring =
  (path: string, bytesOf: (context: { stream: string; epoch: bigint; token: string }) => Uint8Array, { reads = true } = {}): Flood =>
  async (target, going, report) => {
    while (going()) {
      const stream = `flood-${process.pid}-${streams++}`;
      const { connection, answer } = await openEndpoint(target, path, stream);
      if (answer !== undefined) {
        const bytes = bytesOf({ stream, epoch: answer.published?.epoch ?? 0n, token: target.token });
        if (!reads) connection.socket.pause();
        await connection.pour(bytes, going);
      }
      if (connection.isEnded) count(report, await connection.ended);
      connection.socket.destroy();
    }
  };

/** Runs this many copies of a flood at once. */
const several =
  (number: number, flood: Flood): Flood =>
  async (target, going, report) => {
    await Promise.all(Array.from({ length: number }, () => flood(target, going, report)));
  };

const ping = () => piece(clientMessage({ ping: { id: 9 } }));
const webSocketPing = piece(clientFrame(new Uint8Array(100), { opcode: opcodes.ping }));
const fragments = Buffer.concat([
  clientFrame(new Uint8Array(1), { final: false }),
  piece(clientFrame(new Uint8Array(), { opcode: opcodes.continuation, final: false })),
]);
/** A message of unknown fields, two bytes each. */
const unknownFields = clientFrame(new Uint8Array(200_000).map((_, at) => (at % 2 === 0 ? 0x78 : 0)));

/** The HEADER that an epoch begins with, and one event to repeat. */
const frames = ({ stream, epoch }: { stream: string; epoch: bigint }) => {
  const source = new FrameSource(stream, epoch);
  const header = clientMessage({ frames: [source.header('Flood')] });
  return Buffer.concat([header, piece(clientMessage({ frames: [source.event()] }))]);
};
const ranges = () =>
  clientMessage({ dropped: Array.from({ length: 20_000 }, (_, at) => ({ first: BigInt(at * 3), last: BigInt(at * 3) })) });

const opensAndCloses: Flood = async ({ port }, going, report) => {
  while (going()) {
    const connection = new FloodSocket(port, '');
    connection.socket.once('connect', () => connection.socket.destroy());
    count(report, await connection.ended);
  }
};

const asksAgain: Flood = async ({ port }, going, report) => {
  while (going()) {
    const connection = new FloodSocket(port, httpRequest);
    await connection.pour(Buffer.from(httpRequest.repeat(50)), going);
    if (connection.isEnded) count(report, await connection.ended);
    connection.socket.destroy();
  }
};

const watchesOthers: Flood = async (target, going, report) => {
  while (going()) {
    const { connection, answer } = await openEndpoint(target, PATHS.watch, `none-${process.pid}-${streams++}`);
    count(report, answer === undefined ? await connection.ended : 'watched');
    connection.socket.destroy();
  }
};

/** Every flood, by name. */
export const floods: Readonly<Record<string, Flood>> = {
  'pings of a viewer': pouring(PATHS.watch, ping),
  'pings of a viewer who does not read': pouring(PATHS.watch, ping, { reads: false }),
  'pings of a broadcaster': pouring(PATHS.publish, ping),
  'WebSocket pings': pouring(PATHS.watch, () => webSocketPing),
  'empty messages': pouring(PATHS.watch, () => piece(clientFrame(new Uint8Array()))),
  'fragments without end': pouring(PATHS.watch, () => fragments),
  receipts: pouring(PATHS.watch, () => piece(clientMessage({ receipt: { epoch: 1n, sequence: 5n } }))),
  'token renewals': pouring(PATHS.watch, ({ token }) => piece(clientMessage({ token }))),
  'large messages of unknown fields': pouring(PATHS.watch, () => unknownFields),
  'frames over the rate': pouring(PATHS.publish, frames),
  'dropped ranges': pouring(PATHS.publish, ranges),
  'connections that open and close': several(16, opensAndCloses),
  'Watch of many streams': several(16, watchesOthers),
  'HTTP requests': several(16, asksAgain),
};
