// How far receipts of one epoch's viewers may lag. In: the frames written to the viewers at the
// head. Out: the lowest receipt that still lies within the window, so that each viewer costs one
// comparison; and, for a viewer who falls behind, the frames on their way to it.

/** Frames written, up to and including this sequence. */
export interface Written {
  readonly sequence: number;
  readonly bytes: number;
  readonly receivedUnixUs: number;
  /** When they were written, in monotonic milliseconds. */
  readonly sentMs: number;
}

interface ReceiptWindowLimits {
  /** Bytes that may be on their way to a viewer. */
  windowBytes: number;
  /** Stream time that may be on its way instead, if that is more. */
  windowMs: number;
}

/** Entries are removed in chunks of this size. */
const TRIM_FRAMES = 256;

/** The window of one epoch. */
export class ReceiptWindow {
  readonly #limits: ReceiptWindowLimits;
  readonly #written: Written[] = [];
  /** Index of the oldest frame that may be unreported. Entries before `#kept` are forgotten. */
  #oldest = 0;
  #kept = 0;
  /** Bytes from `#oldest` on. */
  #bytes = 0;
  #last = -1;
  #floor = -1;

  constructor(limits: ReceiptWindowLimits) {
    this.#limits = limits;
  }

  /** The last sequence written; -1 before the first. */
  get last(): number {
    return this.#last;
  }

  /** A viewer whose receipt is at least this is within the window. -1: no receipt is needed yet. */
  get floor(): number {
    return this.#floor;
  }

  /**
   * Records a frame that is written now. An older frame, from a late group, counts as if it had the
   * last sequence.
   */
  add(frame: { sequence: number; bytes: number; receivedUnixUs: number }, nowMs: number): void {
    this.#last = Math.max(this.#last, frame.sequence);
    this.#written.push({ ...frame, sequence: this.#last, sentMs: nowMs });
    this.#bytes += frame.bytes;
    for (let oldest = this.#written[this.#oldest]; oldest !== undefined; oldest = this.#written[this.#oldest]) {
      if (this.#bytes <= this.#limits.windowBytes) return;
      if (frame.receivedUnixUs - oldest.receivedUnixUs <= this.#limits.windowMs * 1_000) return;
      this.#bytes -= oldest.bytes;
      this.#floor = oldest.sequence;
      this.#oldest++;
    }
  }

  /**
   * The frames written after `sequence` and up to `last`. Reaches back to the floor at the last
   * `trim`.
   */
  between(sequence: number, last: number): Written[] {
    return this.#written.slice(this.#kept).filter((written) => written.sequence > sequence && written.sequence <= last);
  }

  /**
   * When the first frame that a viewer with this receipt has not reported was written; undefined if
   * it has reported all.
   */
  unreportedSinceMs(receipted: number): number | undefined {
    if (receipted >= this.#last) return undefined;
    for (let at = this.#kept; at < this.#written.length; at++) {
      const written = this.#written[at];
      if (written !== undefined && written.sequence > receipted) return written.sentMs;
    }
    return undefined;
  }

  /** Forgets the frames for which no viewer at the head can still owe a receipt. */
  trim(): void {
    this.#kept = this.#oldest;
    if (this.#kept < TRIM_FRAMES) return;
    this.#written.splice(0, this.#kept);
    this.#oldest = 0;
    this.#kept = 0;
  }
}
