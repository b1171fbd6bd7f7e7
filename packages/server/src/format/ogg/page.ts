// Encodes and decodes Ogg pages (RFC 3533 section 6). A packet is laced into segments of at most
// 255 bytes, and a page holds at most 255 segments. A packet that does not fit continues in the
// next page.
import { oggPageCrc } from './crc.ts';
import { OggError } from './ogg-error.ts';

/** Bits of a page's header type. */
export const PageFlag = { CONTINUED: 1, FIRST: 2, LAST: 4 } as const;

/** Segments that one page can hold. */
export const PAGE_SEGMENTS_MAX = 255;

const HEADER_BYTES = 27;
/** `OggS`, the beginning of a page. */
const CAPTURE_PATTERN = 0x4f676753;
const NO_GRANULE = -1;

/** About a second of voice. */
const FIRST_BODY_BYTES = 8_192;

/** The buffers of a writer. */
interface PageBuffers {
  readonly lacing: Uint8Array;
  body: Uint8Array<ArrayBuffer>;
  out: Uint8Array<ArrayBuffer>;
}

/** Larger buffers are not kept for the next writer. */
const SPARE_BYTES_MAX = 2 ** 21;

/**
 * The buffers of a closed writer. Writers mostly come one after another, and growing buffers to a
 * file's size costs as much as writing the file.
 */
let spare: PageBuffers | undefined;

/** The number of segments of a packet of `length` bytes. */
export function packetSegments(length: number): number {
  return length < 255 ? 1 : Math.floor(length / 255) + 1;
}

/** Lays the packets of one logical bitstream into pages, numbered from 0, and gathers the pages. */
export class PageWriter {
  readonly #serial: number;
  #sequence = 0;
  /** The open page: lacing values and body. */
  readonly #buffers: PageBuffers;
  #segments = 0;
  #bodyBytes = 0;
  #granule = NO_GRANULE;
  #continued = false;
  /** Bytes of complete pages. */
  #outBytes = 0;

  /** `serial` is an unsigned 32-bit number. */
  constructor(serial: number) {
    if (!(Number.isInteger(serial) && serial >= 0 && serial <= 0xffffffff)) throw new RangeError(`not an Ogg serial number: ${serial}`);
    this.#serial = serial;
    this.#buffers = spare ?? { lacing: new Uint8Array(PAGE_SEGMENTS_MAX), body: new Uint8Array(0), out: new Uint8Array(0) };
    spare = undefined;
  }

  /** Segments in the open page. */
  get segments(): number {
    return this.#segments;
  }

  /** Adds a packet that ends at `granule`, and ends the pages that it fills. */
  add(packet: Uint8Array, granule: number): void {
    if (packet.length < 255 && this.#segments < PAGE_SEGMENTS_MAX) {
      this.#append(packet, 0);
      this.#buffers.lacing[this.#segments++] = packet.length;
      this.#granule = granule;
      return;
    }
    let at = 0;
    for (;;) {
      const room = PAGE_SEGMENTS_MAX - this.#segments;
      const rest = packet.length - at;
      if (packetSegments(rest) <= room) {
        this.#append(at === 0 ? packet : packet.subarray(at), Math.floor(rest / 255));
        this.#buffers.lacing[this.#segments++] = rest % 255;
        this.#granule = granule;
        return;
      }
      this.#append(packet.subarray(at, at + room * 255), room);
      at += room * 255;
      this.flush(0);
      this.#continued = room > 0 && rest > 0;
    }
  }

  /** Ends the open page. `flags` adds FIRST or LAST. */
  flush(flags: number): void {
    const start = this.#outBytes;
    const bodyStart = start + HEADER_BYTES + this.#segments;
    const end = bodyStart + this.#bodyBytes;
    const { lacing, body } = this.#buffers;
    if (end > this.#buffers.out.length) this.#buffers.out = grown(this.#buffers.out, start, end);
    const { out } = this.#buffers;
    const view = new DataView(out.buffer, start, HEADER_BYTES);
    view.setUint32(0, CAPTURE_PATTERN);
    view.setUint8(4, 0);
    view.setUint8(5, flags | (this.#continued ? PageFlag.CONTINUED : 0));
    view.setBigInt64(6, BigInt(this.#granule), true);
    view.setUint32(14, this.#serial, true);
    view.setUint32(18, this.#sequence++, true);
    view.setUint8(26, this.#segments);
    for (let i = 0; i < this.#segments; i++) out[start + HEADER_BYTES + i] = lacing[i] ?? 0;
    out.set(body.subarray(0, this.#bodyBytes), bodyStart);
    view.setUint32(22, oggPageCrc(out, start, end), true);
    this.#outBytes = end;
    this.#segments = 0;
    this.#bodyBytes = 0;
    this.#granule = NO_GRANULE;
    this.#continued = false;
  }

  /** The pages that have become complete since the last call. */
  take(): Uint8Array {
    const bytes = Buffer.allocUnsafeSlow(this.#outBytes);
    bytes.set(this.#buffers.out.subarray(0, this.#outBytes));
    this.#outBytes = 0;
    return new Uint8Array(bytes.buffer);
  }

  /**
   * Hands this writer's memory to the next one. No packets can be added and no pages taken
   * afterwards.
   */
  close(): void {
    if (this.#buffers.out.length <= SPARE_BYTES_MAX) spare = this.#buffers;
  }

  #append(part: Uint8Array, fullSegments: number): void {
    for (let i = 0; i < fullSegments; i++) this.#buffers.lacing[this.#segments++] = 255;
    const end = this.#bodyBytes + part.length;
    if (end > this.#buffers.body.length) this.#buffers.body = grown(this.#buffers.body, this.#bodyBytes, Math.max(end, FIRST_BODY_BYTES));
    this.#buffers.body.set(part, this.#bodyBytes);
    this.#bodyBytes = end;
  }
}

/** A larger array with the first `used` bytes of `bytes`, and room for `needed`. */
function grown(bytes: Uint8Array, used: number, needed: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.max(needed, bytes.length * 2));
  larger.set(bytes.subarray(0, used));
  return larger;
}

/** One page that was read. */
export interface Page {
  /** The position in the input where it begins. */
  offset: number;
  /** The position where the next one begins. */
  end: number;
  flags: number;
  /** -1 if no packet ends in the page. */
  granule: number;
  serial: number;
  sequence: number;
  lacing: Uint8Array;
  body: Uint8Array;
}

/**
 * The position where the page at `offset` ends, by its lacing values. It may be beyond the end of
 * `bytes`. Undefined if `bytes` end before the lacing values do.
 */
export function pageEnd(bytes: Uint8Array, offset: number): number | undefined {
  const lacingStart = offset + HEADER_BYTES;
  if (lacingStart > bytes.length) return undefined;
  const lacingEnd = lacingStart + (bytes[lacingStart - 1] ?? 0);
  if (lacingEnd > bytes.length) return undefined;
  let end = lacingEnd;
  for (let i = lacingStart; i < lacingEnd; i++) end += bytes[i] ?? 0;
  return end;
}

/** Whether the checksum of the page from `offset` to before `end` is correct. */
export function hasPageChecksum(bytes: Uint8Array, offset: number, end: number): boolean {
  return oggPageCrc(bytes, offset, end) === new DataView(bytes.buffer, bytes.byteOffset + offset, HEADER_BYTES).getUint32(22, true);
}

/**
 * Parses the page from `offset` to before `end`, without any checks. The result's `offset` and
 * `end` are the given ones.
 */
export function parsePage(bytes: Uint8Array, offset: number, end: number): Page {
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, HEADER_BYTES);
  const lacingEnd = offset + HEADER_BYTES + view.getUint8(26);
  return {
    offset,
    end,
    flags: view.getUint8(5),
    granule: Number(view.getBigInt64(6, true)),
    serial: view.getUint32(14, true),
    sequence: view.getUint32(18, true),
    lacing: bytes.subarray(offset + HEADER_BYTES, lacingEnd),
    body: bytes.subarray(lacingEnd, end),
  };
}

/**
 * Reads the page at `offset`. Throws OggError if there is none, or if its checksum or granule
 * position is invalid.
 */
export function readPage(bytes: Uint8Array, offset: number): Page {
  if (offset + HEADER_BYTES > bytes.length) throw new OggError(offset, 'a page header is cut short');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(offset) !== CAPTURE_PATTERN) throw new OggError(offset, 'no page begins here');
  if (view.getUint8(offset + 4) !== 0) throw new OggError(offset + 4, 'the Ogg version is not 0');
  if (view.getUint8(offset + 5) > 7) throw new OggError(offset + 5, 'a page has unknown flags');
  const end = pageEnd(bytes, offset);
  if (end === undefined || end > bytes.length) throw new OggError(offset, 'a page is cut short');
  if (!hasPageChecksum(bytes, offset, end)) throw new OggError(offset, "a page's checksum is wrong");
  const page = parsePage(bytes, offset, end);
  if (page.granule < -1 || page.granule > Number.MAX_SAFE_INTEGER) throw new OggError(offset + 6, 'a granule position is out of range');
  return page;
}

/** The part of a page's body that belongs to one packet. */
export interface PacketPart {
  /** The position in the body where it begins, bytes. */
  readonly start: number;
  readonly bytes: Uint8Array;
  /** Whether the packet ends with it; false only for the last part of a page. */
  readonly ends: boolean;
}

/** The body of `page`, packet by packet. */
export function packetParts({ lacing, body }: Page): PacketPart[] {
  const parts: PacketPart[] = [];
  let start = 0;
  let end = 0;
  for (const size of lacing) {
    end += size;
    if (size === 255) continue;
    parts.push({ start, bytes: body.subarray(start, end), ends: true });
    start = end;
  }
  if (lacing.at(-1) === 255) parts.push({ start, bytes: body.subarray(start, end), ends: false });
  return parts;
}
