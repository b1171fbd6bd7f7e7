// WebSocket messages from a server in wire form (RFC 6455 section 5.2): written as `ws` writes
// them, and read from pieces of any size. The reader shares no code with the fan-out, so that it
// judges the fan-out's output independently.

const FINAL = 0x80;
const MASKED = 0x80;
const BINARY = 2;
/** The opcodes of control frames. */
export const ControlFrame = { CLOSE: 8, PING: 9, PONG: 10 } as const;
const OPCODES: readonly number[] = [BINARY, ...Object.values(ControlFrame)];

/** One binary message. */
export function messageFrame(payload: Uint8Array): Buffer {
  const { length } = payload;
  const head = length < 126 ? Buffer.from([FINAL | BINARY, length]) : Buffer.alloc(length < 65_536 ? 4 : 10);
  if (length >= 126) {
    head[0] = FINAL | BINARY;
    head[1] = length < 65_536 ? 126 : 127;
    if (length < 65_536) head.writeUInt16BE(length, 2);
    else head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, payload]);
}

/** A control frame. */
export function controlFrame(opcode: number, payload: Uint8Array = new Uint8Array()): Buffer {
  return Buffer.from([FINAL | opcode, payload.length, ...payload]);
}

/** Reads a server's bytes; throws for bytes that a server must not send. */
export class WebSocketReader {
  readonly #take: (opcode: number, payload: Buffer) => void;
  #unread: Buffer = Buffer.alloc(0);

  constructor(take: (opcode: number, payload: Buffer) => void) {
    this.#take = take;
  }

  push(bytes: Uint8Array): void {
    this.#unread =
      this.#unread.length === 0 ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) : Buffer.concat([this.#unread, bytes]);
    for (;;) {
      const [first, second] = this.#unread;
      if (first === undefined || second === undefined) return;
      if ((first & FINAL) === 0 || (second & MASKED) !== 0 || !OPCODES.includes(first & 0x7f))
        throw new Error(`a server wrote a broken WebSocket frame: ${first}, ${second}`);
      const extended = second === 126 ? 2 : second === 127 ? 8 : 0;
      const start = 2 + extended;
      if (this.#unread.length < start) return;
      const length = extended === 0 ? second : extended === 2 ? this.#unread.readUInt16BE(2) : Number(this.#unread.readBigUInt64BE(2));
      if (this.#unread.length < start + length) return;
      const payload = this.#unread.subarray(start, start + length);
      this.#unread = this.#unread.subarray(start + length);
      this.#take(first & 0x0f, payload);
    }
  }
}
