// Converts the pages of one logical Opus stream to items: its headers, then packets, and gaps where
// time is known to be missing. It never throws: unusable parts are skipped and reported. Packets
// come in the order of the pages.
import { GranuleTimeline, type PageTime } from './granule-timeline.ts';
import { samplesOf, splitStreams } from './multistream.ts';
import type { OnTrouble } from './ogg-trouble.ts';
import type { OpusTag } from './opus-header.ts';
import { type AssembledPage, PacketAssembler } from './packet-assembler.ts';
import { withoutPadding } from './packet-padding.ts';
import { type Page, PageFlag } from './page.ts';
import { hasMagic, type MappedOpusHead, readOpusHead, readOpusTags } from './tolerant-header.ts';

/** The headers at the beginning of a stream. */
export interface LinkItem {
  readonly kind: 'link';
  readonly serial: number;
  readonly head: MappedOpusHead;
  readonly tags: readonly OpusTag[];
}

/** A packet with valid framing for the head's number of streams. */
export interface PacketItem {
  readonly kind: 'packet';
  readonly data: Uint8Array;
  /** 48 kHz samples. */
  readonly samples: number;
  /** How many samples to play, from the first: fewer at the end of a trimmed stream. At least 1. */
  readonly keep: number;
  /**
   * In a link's first packet, its granule position: above 0 if the stream was cut out of a longer
   * one; undefined if it is not known.
   */
  readonly startGranule?: number | undefined;
}

/** Time whose packets are lost. */
export interface GapItem {
  readonly kind: 'gap';
  /** 48 kHz samples. */
  readonly samples: number;
}

/** The parts of the voice in a file. */
export type VoiceItem = LinkItem | PacketItem | GapItem;

/** The longest duration of one packet. */
const PACKET_SAMPLES_MAX = 5_760;

/** A page whose place in time depends on the next page. */
interface HeldPage {
  readonly time: PageTime;
  readonly packets: readonly (Measured | undefined)[];
  readonly lostBefore: boolean;
}

type Measured = { readonly data: Uint8Array; readonly samples: number };

/** A longer packet is sent without its padding, as the size of a frame on the wire is limited. */
const PADDED_BYTES_MAX = 8_192;

function short(data: Uint8Array, streams: number): Uint8Array {
  return streams === 1 && data.length > PADDED_BYTES_MAX ? withoutPadding(data) : data;
}

/** Reads one stream. */
export class LinkReader {
  readonly serial: number;
  readonly #onTrouble: OnTrouble;
  readonly #assembler = new PacketAssembler();
  readonly #timeline = new GranuleTimeline();
  #head: MappedOpusHead | undefined;
  #hasBegun = false;
  #hasEnded = false;
  #hasPackets = false;
  /** Packets are missing before the next one. */
  #isLossy = false;
  #held: HeldPage | undefined;
  #lastSamples = 960;

  constructor(serial: number, onTrouble: OnTrouble) {
    this.serial = serial;
    this.#onTrouble = onTrouble;
  }

  /** Whether its headers are complete. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Takes the first page. Returns the reason if the stream cannot be played. */
  begin(page: Page): string | undefined {
    const { packets } = this.#assembler.add(page);
    const [first] = packets;
    const head = first === undefined ? 'its Opus header is cut short' : readOpusHead(first);
    if (typeof head === 'string') return head;
    this.#head = head;
    return undefined;
  }

  /** Takes the next page. */
  add(page: Page): VoiceItem[] {
    const assembled = this.#assembler.add(page);
    this.#tellLosses(assembled);
    const items: VoiceItem[] = [];
    let { packets } = assembled;
    if (!this.#hasBegun) {
      const [first, ...others] = packets;
      if (first === undefined) return items;
      const isTags = hasMagic(first, 'OpusTags');
      items.push(...this.#beginLink(isTags ? first : undefined));
      if (isTags) packets = others;
    }
    this.#hasEnded = (page.flags & PageFlag.LAST) !== 0;
    if (packets.length > 0) items.push(...this.#addAudio(page, packets));
    return items;
  }

  /** Called when the input ends or another link begins. */
  end(): VoiceItem[] {
    const items = this.#release(undefined);
    if (this.#assembler.isOpen) this.#onTrouble('brokenPacket', 1);
    if (this.#hasBegun && !this.#hasEnded) this.#onTrouble('noEnd', 1);
    return items;
  }

  #tellLosses({ missingPages, isOutOfSequence, brokenPackets }: AssembledPage): void {
    if (missingPages > 0) this.#onTrouble('missingPage', missingPages);
    else if (isOutOfSequence) this.#onTrouble('pageOrder', 1);
    if (brokenPackets > 0) this.#onTrouble('brokenPacket', brokenPackets);
    this.#isLossy ||= isOutOfSequence || brokenPackets > 0;
  }

  #beginLink(tagsPacket: Uint8Array | undefined): VoiceItem[] {
    if (this.#head === undefined) return [];
    this.#hasBegun = true;
    if (tagsPacket === undefined) this.#onTrouble('noTags', 1);
    const { tags, trouble } = readOpusTags(tagsPacket ?? new Uint8Array(16));
    if (trouble.notUtf8 > 0) this.#onTrouble('tagEncoding', trouble.notUtf8);
    if (trouble.notTags > 0) this.#onTrouble('tagShape', trouble.notTags);
    if (trouble.isCut) this.#onTrouble('tagsCut', 1);
    return [{ kind: 'link', serial: this.serial, head: this.#head, tags }];
  }

  #addAudio(page: Page, packets: readonly Uint8Array[]): VoiceItem[] {
    const measured = packets.map((data) => this.#measure(data));
    const samples = measured.reduce((sum, packet) => sum + (packet?.samples ?? 0), 0);
    const granule = Number.isSafeInteger(page.granule) && page.granule >= 0 ? page.granule : undefined;
    const lostBefore = this.#isLossy;
    const isLossy = lostBefore || measured.includes(undefined);
    this.#isLossy = false;
    const isLast = (page.flags & PageFlag.LAST) !== 0;
    const items = this.#release(granule === undefined ? undefined : granule - samples);
    this.#held = { time: { granule, samples, isLossy, isLast }, packets: measured, lostBefore };
    if (!this.#timeline.isDoubtful(this.#held.time)) items.push(...this.#release(undefined));
    return items;
  }

  /** Places the waiting page. `next`: the position where the next page begins. */
  #release(next: number | undefined): VoiceItem[] {
    if (this.#held === undefined) return [];
    const { time, packets, lostBefore } = this.#held;
    this.#held = undefined;
    const { gap, trim, fits } = this.#timeline.place(time, next);
    if (!fits) this.#onTrouble('granule', 1);
    if (gap > 0) this.#onTrouble('lostTime', gap);
    return this.#lay(packets, { gap, keep: time.samples - trim, lostBefore });
  }

  /** The packets of a page, with the gaps between them. */
  #lay(
    packets: readonly (Measured | undefined)[],
    { gap, keep, lostBefore }: { gap: number; keep: number; lostBefore: boolean },
  ): VoiceItem[] {
    const items: VoiceItem[] = [];
    const addGap = (samples: number) => samples > 0 && items.push({ kind: 'gap', samples });
    let bad = packets.filter((packet) => packet === undefined).length;
    let left = gap;
    // As far as time is missing, each unreadable packet gets the duration of its neighbours; the
    // rest was lost before.
    const before = bad === 0 ? gap : lostBefore ? Math.max(0, gap - bad * this.#lastSamples) : 0;
    addGap(before);
    left -= before;
    let kept = keep;
    for (const packet of packets) {
      if (packet === undefined) {
        const share = bad === 1 ? left : Math.floor(left / bad / 120) * 120;
        addGap(share);
        left -= share;
        bad--;
        continue;
      }
      this.#lastSamples = packet.samples;
      if (kept > 0) items.push({ kind: 'packet', ...packet, keep: Math.min(kept, packet.samples), ...this.#start() });
      kept -= packet.samples;
    }
    return items;
  }

  #start(): { startGranule?: number | undefined } {
    if (this.#hasPackets) return {};
    this.#hasPackets = true;
    return { startGranule: this.#timeline.start };
  }

  #measure(data: Uint8Array): Measured | undefined {
    const streams = this.#head?.mapping.streams ?? 1;
    const samples = streams === 1 ? samplesOf(data) : samplesOf(splitStreams(data, streams)?.[0] ?? new Uint8Array(0));
    if (samples !== undefined && samples <= PACKET_SAMPLES_MAX) return { data: short(data, streams), samples };
    this.#onTrouble(data.length === 0 ? 'emptyPacket' : 'badPacket', 1);
    return undefined;
  }
}
