// Ogg pages (RFC 3533 section 6). Packets in, pages out, and back: a packet is laced into segments of at most 255 bytes,
// a page holds at most 255 of them, and a packet that does not fit goes on in the next page.
import { oggPageCrc } from './crc.ts';
import { OggError } from './ogg-error.ts';

/** Bits of a page's header type. */
export const PageFlag = { CONTINUED: 1, FIRST: 2, LAST: 4 } as const;

/** Segments that one page can hold. */
export const PAGE_SEGMENTS_MAX = 255;

const HEADER_BYTES = 27;
const NO_GRANULE = -1;

/** Segments that a packet of `length` bytes takes. */
export function packetSegments(length: number): number {
  return Math.floor(length / 255) + 1;
}

/** Lays the packets of one logical bitstream into pages, numbered from 0. */
export class PageWriter {
  readonly #serial: number;
  #sequence = 0;
  #lacing: number[] = [];
  #body: Uint8Array[] = [];
  #bodyBytes = 0;
  #granule = NO_GRANULE;
  #continued = false;

  /** `serial` is an unsigned 32-bit number. */
  constructor(serial: number) {
    if (!(Number.isInteger(serial) && serial >= 0 && serial <= 0xffffffff)) throw new RangeError(`not an Ogg serial number: ${serial}`);
    this.#serial = serial;
  }

  /** Segments in the open page. */
  get segments(): number {
    return this.#lacing.length;
  }

  /** Adds a packet that ends at `granule`; pushes the pages that it fills to `out`. */
  add(packet: Uint8Array, granule: number, out: Uint8Array[]): void {
    let at = 0;
    for (;;) {
      const room = PAGE_SEGMENTS_MAX - this.#lacing.length;
      const rest = packet.length - at;
      if (packetSegments(rest) <= room) {
        this.#append(at === 0 ? packet : packet.subarray(at), Math.floor(rest / 255));
        this.#lacing.push(rest % 255);
        this.#granule = granule;
        return;
      }
      this.#append(packet.subarray(at, at + room * 255), room);
      at += room * 255;
      this.flush(0, out);
      this.#continued = room > 0 && rest > 0;
    }
  }

  /** Ends the open page and pushes it to `out`. `flags` adds FIRST or LAST. */
  flush(flags: number, out: Uint8Array[]): void {
    const page = new Uint8Array(HEADER_BYTES + this.#lacing.length + this.#bodyBytes);
    const view = new DataView(page.buffer);
    view.setUint32(0, 0x4f676753);
    page[5] = flags | (this.#continued ? PageFlag.CONTINUED : 0);
    view.setBigInt64(6, BigInt(this.#granule), true);
    view.setUint32(14, this.#serial, true);
    view.setUint32(18, this.#sequence++, true);
    page[26] = this.#lacing.length;
    page.set(this.#lacing, HEADER_BYTES);
    let at = HEADER_BYTES + this.#lacing.length;
    for (const part of this.#body) {
      page.set(part, at);
      at += part.length;
    }
    view.setUint32(22, oggPageCrc(page), true);
    out.push(page);
    this.#lacing = [];
    this.#body = [];
    this.#bodyBytes = 0;
    this.#granule = NO_GRANULE;
    this.#continued = false;
  }

  #append(part: Uint8Array, fullSegments: number): void {
    for (let i = 0; i < fullSegments; i++) this.#lacing.push(255);
    this.#body.push(part);
    this.#bodyBytes += part.length;
  }
}

/** One page as read. */
export interface Page {
  /** Where it begins in the input. */
  offset: number;
  /** Where the next one begins. */
  end: number;
  flags: number;
  /** -1 if no packet ends in the page. */
  granule: number;
  serial: number;
  sequence: number;
  lacing: Uint8Array;
  body: Uint8Array;
}

/** Reads the page at `offset`. Throws OggError if there is none, its checksum is wrong or its granule position is not one. */
export function readPage(bytes: Uint8Array, offset: number): Page {
  if (offset + HEADER_BYTES > bytes.length) throw new OggError(offset, 'a page header is cut short');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(offset) !== 0x4f676753) throw new OggError(offset, 'no page begins here');
  if (view.getUint8(offset + 4) !== 0) throw new OggError(offset + 4, 'the Ogg version is not 0');
  const flags = view.getUint8(offset + 5);
  if (flags > 7) throw new OggError(offset + 5, 'a page has unknown flags');
  const lacingEnd = offset + HEADER_BYTES + view.getUint8(offset + 26);
  if (lacingEnd > bytes.length) throw new OggError(offset, 'a page is cut short');
  const lacing = bytes.subarray(offset + HEADER_BYTES, lacingEnd);
  let end = lacingEnd;
  for (const size of lacing) end += size;
  if (end > bytes.length) throw new OggError(offset, 'a page is cut short');
  if (oggPageCrc(bytes, offset, end) !== view.getUint32(offset + 22, true)) throw new OggError(offset, "a page's checksum is wrong");
  const granule = view.getBigInt64(offset + 6, true);
  if (granule < -1n || granule > BigInt(Number.MAX_SAFE_INTEGER)) throw new OggError(offset + 6, 'a granule position is out of range');
  return {
    offset,
    end,
    flags,
    granule: Number(granule),
    serial: view.getUint32(offset + 14, true),
    sequence: view.getUint32(offset + 18, true),
    lacing,
    body: bytes.subarray(lacingEnd, end),
  };
}
