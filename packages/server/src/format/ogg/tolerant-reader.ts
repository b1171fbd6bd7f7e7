// Finds the Opus voice in a stream of bytes and returns it item by item: a link's headers, then its
// packets and the gaps between them. It is as tolerant as players: damaged, missing or non-Opus
// parts are skipped and reported to `onTrouble`. It reads once, forwards, as bytes arrive. A page
// and the longest packet (packet-assembler.ts) bound the memory.
import { LinkReader, type VoiceItem } from './link-reader.ts';
import { oggCodec } from './ogg-codec.ts';
import { OggError } from './ogg-error.ts';
import type { OnTrouble } from './ogg-trouble.ts';
import { type Page, PageFlag, packetParts } from './page.ts';
import { PageSync } from './page-sync.ts';

/**
 * An Ogg file without voice. `codecs` are its other streams; `reason` is a clause if its Opus
 * stream cannot be played.
 */
export class NoOpusError extends OggError {
  readonly codecs: readonly string[];
  readonly reason: string | undefined;
  constructor(offset: number, codecs: readonly string[], reason: string | undefined) {
    super(offset, reason ?? (codecs.length > 0 ? `it holds ${codecs.join(' and ')}, not Opus` : 'it has no start of an Opus stream'));
    this.codecs = codecs;
    this.reason = reason;
  }
}

/**
 * A file that begins in the middle of a stream is given up after this many pages, as its decoding
 * parameters are missing.
 */
const PAGES_WITHOUT_BEGINNING_MAX = 1_000;

/**
 * Reads Ogg Opus. Of several parallel streams it takes the first that is Opus; consecutive streams
 * are links of a chain. Throws NoOpusError when it is certain that there is no voice, and passes on
 * the errors of `bytes`.
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

/** Passes each page to its stream. */
class ChainReader {
  readonly #onTrouble: OnTrouble;
  #link: LinkReader | undefined;
  #hasVoice = false;
  /** The skipped streams of the latest group. */
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
    const codec = oggCodec(packetParts(page)[0]?.bytes ?? new Uint8Array(0));
    if (this.#begins(page, codec)) return this.#announce(page, codec);
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

  /**
   * Whether a stream begins with the page. Damage may set or clear the flag. The header of Opus
   * begins a stream without it, and a page of the current stream that holds no header does not.
   */
  #begins(page: Page, codec: string | undefined): boolean {
    if (codec === 'Opus') return true;
    return (page.flags & PageFlag.FIRST) !== 0 && !(codec === undefined && page.serial === this.#link?.serial);
  }

  /** A stream begins: parallel to the others of its group, or as the next link. */
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

  /** Skips a stream. If it has the serial number of the current link, it ends that link. */
  #pass(page: Page): VoiceItem[] {
    this.#others.add(page.serial);
    this.#onTrouble('otherStream', 1);
    if (page.serial !== this.#link?.serial) return [];
    const items = this.#link.end();
    this.#link = undefined;
    return items;
  }
}
