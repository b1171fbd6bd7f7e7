// A stream of bytes in, the Opus voice in it out, item by item: a link's headers, then its packets and the holes between
// them. As tolerant as players are: what is damaged, missing or not Opus is passed over and told to `onTrouble`. Reads once,
// forwards, as the bytes come; memory is bounded by a page, and by the longest packet (packet-assembler.ts).
import { LinkReader, type VoiceItem } from './link-reader.ts';
import { oggCodec } from './ogg-codec.ts';
import { OggError } from './ogg-error.ts';
import type { OnTrouble } from './ogg-trouble.ts';
import { type Page, PageFlag, packetParts } from './page.ts';
import { PageSync } from './page-sync.ts';

/** An Ogg file that holds no voice: `codecs` are the other streams in it, `reason` a clause if its Opus stream cannot be played. */
export class NoOpusError extends OggError {
  readonly codecs: readonly string[];
  readonly reason: string | undefined;
  constructor(offset: number, codecs: readonly string[], reason: string | undefined) {
    super(offset, reason ?? (codecs.length > 0 ? `it holds ${codecs.join(' and ')}, not Opus` : 'it holds no beginning of an Opus stream'));
    this.codecs = codecs;
    this.reason = reason;
  }
}

/** A file that begins in the middle of a stream is given up after this many pages: nothing says how to decode it. */
const PAGES_WITHOUT_BEGINNING_MAX = 1_000;

/**
 * Reads Ogg Opus. Of several streams side by side it takes the first that is Opus; streams one after another are links of a
 * chain. Throws NoOpusError where it is clear that there is no voice to come, and what `bytes` throws.
 */
export async function* readVoice(bytes: AsyncIterable<Uint8Array>, onTrouble: OnTrouble): AsyncGenerator<VoiceItem> {
  const kinds = { junk: 'junk', torn: 'tornPage', cut: 'cutPage' } as const;
  const sync = new PageSync(({ kind, bytes }) => onTrouble(kinds[kind], bytes));
  const chain = new ChainReader(onTrouble);
  for await (const piece of bytes) {
    sync.push(piece);
    for (let page = sync.next(); page !== undefined; page = sync.next()) yield* chain.add(page);
  }
  sync.end();
  for (let page = sync.next(); page !== undefined; page = sync.next()) yield* chain.add(page);
  yield* chain.end();
}

/** Gives each page to the stream that it belongs to. */
class ChainReader {
  readonly #onTrouble: OnTrouble;
  #link: LinkReader | undefined;
  #hasVoice = false;
  /** Streams that are not read, of the group that began last. */
  readonly #others = new Set<number>();
  /** Whether the streams of a group are still being announced. */
  #isAnnouncing = false;
  #codecs: string[] = [];
  #reason: string | undefined;
  #pages = 0;

  constructor(onTrouble: OnTrouble) {
    this.#onTrouble = onTrouble;
  }

  add(page: Page): VoiceItem[] {
    this.#pages++;
    const first = page.flags & PageFlag.FIRST ? (packetParts(page)[0]?.bytes ?? new Uint8Array(0)) : undefined;
    const codec = first === undefined ? undefined : oggCodec(first);
    // A wrong flag on a page of the stream that is being read begins nothing.
    if (first !== undefined && !(codec === undefined && page.serial === this.#link?.serial)) return this.#announce(page, codec);
    this.#isAnnouncing = false;
    if (this.#link !== undefined && page.serial === this.#link.serial) {
      const items = this.#link.add(page);
      this.#hasVoice ||= items.length > 0;
      return items;
    }
    if (!this.#others.has(page.serial)) this.#onTrouble('strayPage', 1);
    if (this.#link === undefined && !this.#hasVoice && (this.#others.size > 0 || this.#pages > PAGES_WITHOUT_BEGINNING_MAX))
      throw new NoOpusError(page.offset, this.#codecs, this.#reason);
    return [];
  }

  end(): VoiceItem[] {
    const items = this.#link?.end() ?? [];
    if (!this.#hasVoice && items.length === 0 && this.#link?.hasBegun !== true) throw new NoOpusError(0, this.#codecs, this.#reason);
    return items;
  }

  /** A stream begins: beside the others of its group, or as the next link. */
  #announce(page: Page, codec: string | undefined): VoiceItem[] {
    const isRepeated = this.#isAnnouncing && page.serial === this.#link?.serial;
    if (isRepeated) {
      this.#onTrouble('pageOrder', 1);
      return [];
    }
    const isBeside = this.#isAnnouncing && this.#link !== undefined;
    if (!this.#isAnnouncing) this.#others.clear();
    this.#isAnnouncing = true;
    if (codec !== 'Opus' || isBeside) {
      this.#codecs.push(codec ?? 'an unknown codec');
      return this.#pass(page);
    }
    const link = new LinkReader(page.serial, this.#onTrouble);
    const reason = link.begin(page);
    if (reason !== undefined) {
      this.#reason = reason;
      return this.#pass(page);
    }
    const items = this.#link?.end() ?? [];
    this.#link = link;
    this.#others.delete(page.serial);
    return items;
  }

  /** Leaves a stream out. One with the number of the link that is being read ends it. */
  #pass(page: Page): VoiceItem[] {
    this.#others.add(page.serial);
    this.#onTrouble('otherStream', 1);
    if (page.serial !== this.#link?.serial) return [];
    const items = this.#link.end();
    this.#link = undefined;
    return items;
  }
}
