// Reads the headers and packets of an Ogg Opus file. Strict: every page, checksum, sequence number,
// lacing and granule position must follow RFC 3533 and RFC 7845; otherwise OggError gives the
// position of the violation. Reads chained files link by link.
import { opusPacketSamples } from '@hayate/protocol';
import { OggError } from './ogg-error.ts';
import { decodeOpusHead, decodeOpusTags, type OpusHead, type OpusTags } from './opus-header.ts';
import { type PacketPart, type Page, PageFlag, packetParts, readPage } from './page.ts';

/** One Opus packet. */
export interface OggOpusPacket {
  /** A view into the input, or a copy if the packet spans several pages. */
  data: Uint8Array;
  /** At 48 kHz. */
  samples: number;
}

/** One logical stream of a file (a chained file has several, one after another). */
export interface OggOpusLink extends OpusTags {
  /** The position in the input where it begins. */
  offset: number;
  /** Bytes. */
  length: number;
  serial: number;
  head: OpusHead;
  packets: OggOpusPacket[];
  /** Granule position before the first packet: 0 unless the stream was cut out of a longer one. */
  startGranule: number;
  /** Samples that end trimming takes off the last packets. */
  endTrim: number;
  /** Samples that a player plays: all packets without pre-skip and end trimming. */
  playedSamples: number;
}

/** Headers only. */
export interface OggOpusHeaders extends OpusTags {
  head: OpusHead;
}

interface LaidPacket {
  data: Uint8Array;
  offset: number;
}

/** Reads a whole file. Throws OggError. */
export function readOggOpus(bytes: Uint8Array): OggOpusLink[] {
  const links: OggOpusLink[] = [];
  const serials = new Set<number>();
  for (let offset = 0; offset < bytes.length || links.length === 0; ) {
    const link = readLink(bytes, offset);
    if (serials.has(link.serial)) throw new OggError(offset, 'two links of a chain have the same serial number');
    serials.add(link.serial);
    links.push(link);
    offset += link.length;
  }
  return links;
}

/**
 * Reads the headers of the first link; `bytes` may end anywhere after them. Throws OggError, also
 * if the headers are not complete yet; the caller can retry with more bytes.
 */
export function readOggOpusHeaders(bytes: Uint8Array): OggOpusHeaders {
  const reader = new PacketReader(bytes, 0);
  const head = reader.headerPage('OpusHead', PageFlag.FIRST);
  return { head: decodeOpusHead(head.data, head.offset), ...readTags(reader) };
}

function readTags(reader: PacketReader): OpusTags {
  const packet = reader.headerPage('OpusTags', 0);
  return decodeOpusTags(packet.data, packet.offset);
}

function readLink(bytes: Uint8Array, offset: number): OggOpusLink {
  const reader = new PacketReader(bytes, offset);
  const headPacket = reader.headerPage('OpusHead', PageFlag.FIRST);
  const head = decodeOpusHead(headPacket.data, headPacket.offset);
  const tags = readTags(reader);
  const packets: OggOpusPacket[] = [];
  let startGranule: number | undefined;
  let samples = 0;
  let endTrim = 0;
  let previousGranule = 0;
  for (let last = false; !last; ) {
    const { page, packets: laid } = reader.page();
    last = (page.flags & PageFlag.LAST) !== 0;
    for (const { data, offset: at } of laid) {
      const packet = { data, samples: checkedSamples(data, at) };
      samples += packet.samples;
      packets.push(packet);
    }
    const granuleAt = page.offset + 6;
    if (page.granule === -1) {
      if (laid.length > 0) throw new OggError(granuleAt, 'a page on which a packet ends lacks its granule position');
      if (last) throw new OggError(granuleAt, 'the last page lacks its granule position');
      continue;
    }
    if (laid.length === 0 && !last) throw new OggError(granuleAt, 'a page on which no packet ends has a granule position');
    // RFC 7845 section 4.5: a first page may begin later than 0; a last page may cut samples off.
    startGranule ??= last ? Math.max(0, page.granule - samples) : page.granule - samples;
    const expected = startGranule + samples;
    if (startGranule < 0 || page.granule > expected || page.granule < previousGranule)
      throw new OggError(granuleAt, 'a granule position does not match the packets');
    if (page.granule < expected && !last) throw new OggError(granuleAt, 'a granule position does not match the packets');
    endTrim = expected - page.granule;
    previousGranule = page.granule;
  }
  reader.finish();
  return {
    offset,
    length: reader.at - offset,
    serial: reader.serial,
    head,
    ...tags,
    packets,
    startGranule: startGranule ?? 0,
    endTrim,
    playedSamples: Math.max(0, samples - endTrim - head.preSkip),
  };
}

function checkedSamples(data: Uint8Array, offset: number): number {
  try {
    return opusPacketSamples(data);
  } catch (error) {
    throw new OggError(offset, error instanceof Error ? error.message : String(error));
  }
}

/** Follows one logical bitstream page by page and assembles its packets. */
class PacketReader {
  at: number;
  serial = 0;
  readonly #bytes: Uint8Array;
  #sequence = 0;
  #parts: Uint8Array[] = [];
  #packetOffset = 0;
  #open = false;

  constructor(bytes: Uint8Array, offset: number) {
    this.#bytes = bytes;
    this.at = offset;
  }

  /** The only packet of a header, which must end its last page. */
  headerPage(what: string, flags: number): LaidPacket {
    for (;;) {
      const { page, packets } = this.page(flags);
      const [packet, second] = packets;
      if (page.flags & PageFlag.LAST) throw new OggError(page.offset, 'the stream ends in its headers');
      if (packet === undefined) {
        if (page.granule !== -1) throw new OggError(page.offset + 6, 'a page on which no packet ends has a granule position');
        if (flags === PageFlag.FIRST) throw new OggError(page.offset, 'the first page does not hold the whole OpusHead');
        continue;
      }
      if (second !== undefined || this.#open) throw new OggError(page.offset, `the ${what} does not end its page`);
      if (page.granule !== 0) throw new OggError(page.offset + 6, 'a header page has a granule position other than 0');
      return packet;
    }
  }

  /** The next page and the packets that end in it. */
  page(flags = 0): { page: Page; packets: LaidPacket[] } {
    const page = readPage(this.#bytes, this.at);
    if (page.sequence !== this.#sequence++) throw new OggError(page.offset + 18, 'a page is missing or out of order');
    if ((page.flags & PageFlag.FIRST) !== flags) throw new OggError(page.offset + 5, 'a stream begins at the wrong place');
    if (flags === PageFlag.FIRST) this.serial = page.serial;
    if (page.serial !== this.serial) throw new OggError(page.offset + 14, 'another stream is multiplexed with this one');
    if (((page.flags & PageFlag.CONTINUED) !== 0) !== this.#open)
      throw new OggError(page.offset + 5, 'a packet is not continued, or its beginning is missing');
    const packets: LaidPacket[] = [];
    for (const part of packetParts(page))
      if (part.ends) packets.push(this.#close(page, part));
      else this.#continue(page, part);
    this.at = page.end;
    return { page, packets };
  }

  /** Throws if a packet is still open at the end. */
  finish(): void {
    if (this.#open) throw new OggError(this.at, 'the last packet is cut short');
  }

  #close(page: Page, { start, bytes }: PacketPart): LaidPacket {
    if (!this.#open) return { data: bytes, offset: page.end - page.body.length + start };
    const data = Buffer.concat([...this.#parts, bytes]);
    this.#parts = [];
    this.#open = false;
    return { data: new Uint8Array(data.buffer, data.byteOffset, data.length), offset: this.#packetOffset };
  }

  #continue(page: Page, { start, bytes }: PacketPart): void {
    if (!this.#open) this.#packetOffset = page.end - page.body.length + start;
    this.#open = true;
    this.#parts.push(bytes);
  }
}
