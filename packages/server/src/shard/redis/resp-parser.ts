// Parses Redis replies (RESP2): bytes in pieces of any size go in, values come out in order. The
// values do not depend on how the bytes are split. Any bytes give values or a RespError. The parser
// keeps at most one unfinished reply of bounded size. Source: the Redis serialization protocol
// specification. Bulk strings are views of the pushed bytes, not copies.

/** An error reply: a command failed. */
interface ErrorReply {
  readonly error: string;
}

/** A status reply. */
interface StatusReply {
  readonly status: string;
}

/** An element of an array: an integer, a bulk string, or null. */
type RespItem = number | Uint8Array | null;

/** A reply. Nested arrays are refused: no command that Hayate sends gets one. */
export type RespValue = ErrorReply | StatusReply | RespItem | readonly RespItem[];

/** The bytes are not a Redis reply, or exceed a bound. The connection cannot be used any more. */
export class RespError extends Error {
  override readonly name = 'RespError';
}

const CR = 0x0d;
const LF = 0x0a;
const [PLUS, MINUS, COLON, DOLLAR, STAR] = [0x2b, 0x2d, 0x3a, 0x24, 0x2a];
/** The most bytes of a status, error or number. */
const LINE_BYTES_MAX = 4_096;
const ITEMS_MAX = 8;

/** Bounds of a reply. */
interface RespLimits {
  /** The most bytes of a bulk string. Default 64 MiB. */
  readonly bulkBytesMax?: number;
}

/** Parses the replies of one connection. */
export class RespParser {
  readonly #bulkBytesMax: number;
  /** The received part of an unfinished reply, in pieces, from its first byte on. */
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  /** Fewer bytes than this cannot finish the reply. */
  #neededBytes = 0;
  #buffer: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor({ bulkBytesMax = 64 * 2 ** 20 }: RespLimits = {}) {
    this.#bulkBytesMax = bulkBytesMax;
  }

  /**
   * Takes the next bytes and calls `take` for every reply that they finish. Throws RespError; the
   * parser must not be used again then.
   */
  push(bytes: Uint8Array, take: (value: RespValue) => void): void {
    this.#pieces.push(bytes);
    this.#bytes += bytes.length;
    if (this.#bytes < this.#neededBytes) return;
    const whole = this.#pieces.length === 1 ? bytes : Buffer.concat(this.#pieces);
    this.#buffer = Buffer.from(whole.buffer, whole.byteOffset, whole.length);
    this.#at = 0;
    let done = 0;
    for (;;) {
      const value = this.#readValue();
      if (value === undefined) break;
      done = this.#at;
      take(value);
    }
    this.#neededBytes -= done;
    this.#bytes = this.#buffer.length - done;
    this.#pieces = this.#bytes === 0 ? [] : [this.#buffer.subarray(done)];
  }

  /** The next reply; undefined if it is incomplete. */
  #readValue(): RespValue | undefined {
    if (this.#at >= this.#buffer.length) return this.#wait(this.#at + 1);
    const type = this.#buffer[this.#at];
    if (type === PLUS || type === MINUS) {
      const line = this.#readLine();
      if (line === undefined) return undefined;
      return type === PLUS ? { status: line } : { error: line };
    }
    if (type !== STAR) return this.#readItem();
    const length = this.#readNumber();
    if (length === undefined) return undefined;
    if (length < 0 || length > ITEMS_MAX) throw new RespError(`an array of ${length}`);
    const items: RespItem[] = [];
    while (items.length < length) {
      const item = this.#readItem();
      if (item === undefined) return undefined;
      items.push(item);
    }
    return items;
  }

  #readItem(): RespItem | undefined {
    if (this.#at >= this.#buffer.length) return this.#wait(this.#at + 1);
    const type = this.#buffer[this.#at];
    if (type !== COLON && type !== DOLLAR) throw new RespError(`a reply of type ${type}`);
    const number = this.#readNumber();
    if (number === undefined || type === COLON) return number;
    if (number === -1) return null;
    if (number < 0 || number > this.#bulkBytesMax) throw new RespError(`a string of ${number} bytes`);
    const start = this.#at;
    const end = start + number;
    if (end + 2 > this.#buffer.length) return this.#wait(end + 2);
    if (this.#buffer[end] !== CR || this.#buffer[end + 1] !== LF) throw new RespError('a string longer than its length');
    this.#at = end + 2;
    return this.#buffer.subarray(start, end);
  }

  /** Parses a line's number, after the type byte. */
  #readNumber(): number | undefined {
    const buffer = this.#buffer;
    let at = this.#at + 1;
    const negative = buffer[at] === MINUS;
    if (negative) at++;
    const first = at;
    let number = 0;
    for (;;) {
      if (at >= buffer.length) return this.#wait(at + 1);
      const byte = buffer[at] ?? 0;
      if (byte < 0x30 || byte > 0x39) break;
      if (at - first >= 15) throw new RespError('a number that is too long');
      number = number * 10 + (byte - 0x30);
      at++;
    }
    if (at === first || buffer[at] !== CR) throw new RespError('not a number');
    if (at + 1 >= buffer.length) return this.#wait(at + 2);
    if (buffer[at + 1] !== LF) throw new RespError('a line without CRLF');
    this.#at = at + 2;
    return negative ? -number : number;
  }

  /** Reads a line's text, after the type byte. */
  #readLine(): string | undefined {
    const start = this.#at + 1;
    const end = this.#buffer.indexOf(LF, start);
    const length = (end === -1 ? this.#buffer.length : end) - start;
    if (length > LINE_BYTES_MAX) throw new RespError('a line that is too long');
    if (end === -1) return this.#wait(this.#buffer.length + 1);
    if (end === start || this.#buffer[end - 1] !== CR) throw new RespError('a line without CRLF');
    this.#at = end + 1;
    return this.#buffer.toString('utf8', start, end - 1);
  }

  #wait(neededBytes: number): undefined {
    this.#neededBytes = neededBytes;
    return undefined;
  }
}
