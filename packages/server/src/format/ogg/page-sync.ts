// Finds the Ogg pages in a stream of bytes, which comes in pieces of any length. It skips bytes
// that are not a whole page with a correct checksum, and continues the search one byte further, as
// libogg's ogg_sync does. The longest page (65,307 bytes) and the longest piece bound the memory.
import { hasPageChecksum, type Page, pageEnd, parsePage } from './page.ts';

const PATTERN = Buffer.from('OggS', 'latin1');

/** Bytes of a page's header before its lacing values. */
const HEADER_BYTES = 27;

/**
 * Bytes outside any page: `torn` if they begin like a page, `junk` if not; `cut` if the input ends
 * in such a page.
 */
type Skipped = { readonly kind: 'junk' | 'torn' | 'cut'; readonly offset: number; readonly bytes: number };

/**
 * Finds pages. Call `push` and `next` in turn: `next` is undefined when it needs more bytes, and
 * always after the last page.
 */
export class PageSync {
  readonly #onSkipped: (skipped: Skipped) => void;
  #bytes = new Uint8Array(0);
  /** Pushed pieces that are not in #bytes yet. */
  #pieces: Uint8Array[] = [];
  /** Bytes of #bytes and the pieces together. */
  #length = 0;
  /** #bytes[#at] is examined next; its position in the input is #offset. */
  #at = 0;
  #offset = 0;
  /** The number of bytes from #at on that the next decision needs. */
  #needed = HEADER_BYTES;
  #ended = false;
  #run: { torn: boolean; offset: number; bytes: number } | undefined;

  /** `onSkipped` is called for each run of skipped bytes, when the run ends. */
  constructor(onSkipped: (skipped: Skipped) => void) {
    this.#onSkipped = onSkipped;
  }

  /** Takes the next piece of the input. It is kept, not copied. */
  push(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#length += piece.length;
  }

  /** The input has ended. */
  end(): void {
    this.#ended = true;
  }

  /** The next page; its `offset` and `end` are positions in the input. */
  next(): Page | undefined {
    for (;;) {
      const left = this.#length - this.#at;
      if (left < this.#needed && !this.#ended) return undefined;
      this.#gather();
      if (left === 0) break;
      const found = Buffer.prototype.indexOf.call(this.#bytes, PATTERN, this.#at);
      if (found !== this.#at) {
        // The last three bytes may be the beginning of an incomplete pattern.
        const until = found >= 0 ? found : this.#ended ? this.#length : Math.max(this.#at, this.#length - 3);
        this.#skip(until - this.#at, false);
        this.#needed = found >= 0 ? HEADER_BYTES : 4;
        continue;
      }
      const end = pageEnd(this.#bytes, this.#at);
      const wanted = end ?? this.#at + HEADER_BYTES + (this.#bytes[this.#at + HEADER_BYTES - 1] ?? 0);
      if (wanted > this.#length && !this.#ended) {
        this.#needed = wanted - this.#at;
        continue;
      }
      this.#needed = HEADER_BYTES;
      if (end !== undefined && end <= this.#length && hasPageChecksum(this.#bytes, this.#at, end)) return this.#take(end);
      this.#skip(1, true);
    }
    this.#endRun(true);
    return undefined;
  }

  #take(end: number): Page {
    this.#endRun(false);
    const page = parsePage(this.#bytes, this.#at, end);
    page.offset = this.#offset;
    page.end = this.#offset + end - this.#at;
    this.#offset = page.end;
    this.#at = end;
    return page;
  }

  #skip(bytes: number, torn: boolean): void {
    if (bytes === 0) return;
    this.#run ??= { torn: false, offset: this.#offset, bytes: 0 };
    this.#run.torn ||= torn;
    this.#run.bytes += bytes;
    this.#at += bytes;
    this.#offset += bytes;
  }

  #endRun(atEnd: boolean): void {
    if (this.#run === undefined) return;
    const { torn, offset, bytes } = this.#run;
    this.#run = undefined;
    this.#onSkipped({ kind: torn ? (atEnd ? 'cut' : 'torn') : 'junk', offset, bytes });
  }

  /**
   * Moves all pushed pieces into #bytes, in new memory that is never overwritten: pages are views
   * of it.
   */
  #gather(): void {
    if (this.#pieces.length === 0) return;
    this.#bytes = new Uint8Array(Buffer.concat([this.#bytes.subarray(this.#at), ...this.#pieces]));
    this.#pieces = [];
    this.#length = this.#bytes.length;
    this.#at = 0;
  }
}
