// Writes Opus packets to an Ogg Opus file (RFC 7845 in RFC 3533), whole or piece by piece. The same
// packets and options always give the same bytes: the caller chooses the serial number, and the
// writer uses neither a clock nor random numbers.
import { opusPacketSamples } from '@hayate/protocol';
import { encodeOpusHead, encodeOpusTags, type OpusHead, type OpusTag } from './opus-header.ts';
import { PAGE_SEGMENTS_MAX, PageFlag, PageWriter, packetSegments } from './page.ts';

/** The limits of one page, unless a single packet exceeds them. */
export const PAGE_LIMITS = { samples: 48_000, packets: 50 } as const;

/** Vendor string of every file that Hayate writes. */
export const VENDOR = 'hayate';

/** One empty CELT frame of 2.5 ms (RFC 6716 section 3.1). */
const SILENCE = Uint8Array.of(0x80);

/** The content of the two headers. */
export interface OggOpusWriterOptions extends Partial<OpusHead> {
  /**
   * Unsigned 32 bits; must differ between files that are to be concatenated (RFC 3533 section 4).
   */
  serial: number;
  /** 1 or 2. */
  channels: number;
  /** 48 kHz samples that a player discards at the start. */
  preSkip: number;
  tags?: readonly OpusTag[];
}

/**
 * Writes one Ogg Opus stream. `take` returns the bytes that are complete so far; without `take`,
 * `end` returns all bytes.
 */
export class OggOpusWriter {
  readonly #pages: PageWriter;
  #granule = 0;
  #pagePackets = 0;
  #pageSamples = 0;
  #ended = false;

  /** Throws RangeError for options that do not fit the headers. */
  constructor(options: OggOpusWriterOptions) {
    const { serial, channels, preSkip, inputSampleRate = 48_000, outputGain = 0, tags = [] } = options;
    this.#pages = new PageWriter(serial);
    this.#pages.add(encodeOpusHead({ channels, preSkip, inputSampleRate, outputGain }), 0);
    this.#pages.flush(PageFlag.FIRST);
    this.#pages.add(encodeOpusTags({ vendor: VENDOR, tags }), 0);
    this.#pages.flush(0);
  }

  /** 48 kHz samples of the packets so far, including pre-skip. */
  get samples(): number {
    return this.#granule;
  }

  /**
   * Appends a packet. Throws WireError if it is not an Opus packet. The bytes are kept until their
   * page is complete.
   */
  write(packet: Uint8Array): void {
    if (this.#ended) throw new Error('the Ogg stream has ended');
    const samples = opusPacketSamples(packet);
    const full =
      this.#pagePackets === PAGE_LIMITS.packets ||
      this.#pageSamples + samples > PAGE_LIMITS.samples ||
      this.#pages.segments + packetSegments(packet.length) > PAGE_SEGMENTS_MAX;
    if (this.#pagePackets > 0 && full) {
      this.#pages.flush(0);
      this.#pagePackets = 0;
      this.#pageSamples = 0;
    }
    this.#granule += samples;
    this.#pagePackets++;
    this.#pageSamples += samples;
    this.#pages.add(packet, this.#granule);
  }

  /** The bytes that have become complete since the last call. */
  take(): Uint8Array {
    return this.#pages.take();
  }

  /**
   * Ends the stream and returns all bytes not yet taken. A stream without packets gets one of 2.5
   * ms of silence.
   */
  end(): Uint8Array {
    if (this.#ended) throw new Error('the Ogg stream has ended');
    // A last page without the end of a packet would not be valid for all readers.
    if (this.#pagePackets === 0) this.write(SILENCE);
    this.#ended = true;
    this.#pages.flush(PageFlag.LAST);
    const bytes = this.take();
    this.#pages.close();
    return bytes;
  }
}
