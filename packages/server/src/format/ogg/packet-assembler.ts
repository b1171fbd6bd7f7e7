// Assembles whole packets from the pages of one logical stream, even if pages are missing: a packet
// whose beginning or end is lost is skipped. Pages are taken in the order of arrival, as players
// do. PACKET_BYTES_MAX bounds the memory.
import { type Page, PageFlag, packetParts } from './page.ts';

/**
 * Longest packet that is kept whole, bytes. Of a longer one (pictures in the tags), only the
 * beginning is kept.
 */
export const PACKET_BYTES_MAX = 16 * 1_048_576;

/** A larger jump in the page numbers means a wrong number, not missing pages. */
const MISSING_PAGES_MAX = 1_000_000;

/** The results of one page. */
export interface AssembledPage {
  readonly packets: Uint8Array[];
  /**
   * Pages that are missing before this one; 0 if it is the next or an earlier one, or if its number
   * is wrong.
   */
  readonly missingPages: number;
  /** Whether its number is not the expected one. */
  readonly isOutOfSequence: boolean;
  /** Incomplete packets that began or ended. */
  readonly brokenPackets: number;
}

/** Assembles packets. */
export class PacketAssembler {
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #isOpen = false;
  #due: number | undefined;

  /** Whether a packet has begun and not ended. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Takes the next page. Packets are views into it unless they span several pages. */
  add(page: Page): AssembledPage {
    const isOutOfSequence = this.#due !== undefined && page.sequence !== this.#due;
    const ahead = this.#due === undefined ? 0 : page.sequence - this.#due;
    const missingPages = ahead > 0 && ahead <= MISSING_PAGES_MAX ? ahead : 0;
    this.#due = (page.sequence + 1) >>> 0;
    const continues = (page.flags & PageFlag.CONTINUED) !== 0;
    let brokenPackets = 0;
    if (this.#isOpen && (isOutOfSequence || !continues)) {
      this.#close();
      brokenPackets++;
    }
    const packets: Uint8Array[] = [];
    for (const [index, { bytes, ends }] of packetParts(page).entries()) {
      if (index === 0 && continues && !this.#isOpen) {
        if (ends) brokenPackets++;
        continue;
      }
      this.#append(bytes);
      if (ends) packets.push(this.#close());
    }
    return { packets, missingPages, isOutOfSequence, brokenPackets };
  }

  #append(bytes: Uint8Array): void {
    this.#isOpen = true;
    const part = bytes.subarray(0, Math.max(0, PACKET_BYTES_MAX - this.#bytes));
    this.#parts.push(part);
    this.#bytes += part.length;
  }

  #close(): Uint8Array {
    const [first, ...others] = this.#parts;
    const packet = others.length === 0 && first !== undefined ? first : new Uint8Array(Buffer.concat(this.#parts));
    this.#parts = [];
    this.#bytes = 0;
    this.#isOpen = false;
    return packet;
  }
}
