// Voice at another speed and the same pitch: samples by position in, fewer or more of them out, on
// a timeline of their own (output position = position / speed). Pieces of 20 ms overlap. Each is
// taken, near its own time, from the place that best continues the previous piece, so the output
// never drifts from the input's time by more than SEARCH. Source: W. Verhelst, M. Roelands, "An
// overlap-add technique based on waveform similarity (WSOLA)", ICASSP 1993.

/** Samples by position, one array per channel. */
export interface SoundBlock {
  position: number;
  channels: Float32Array<ArrayBuffer>[];
}

/** Distance between the starts of two pieces, and their overlap, output samples: 10 ms. */
const HOP = 480;
/**
 * Search range to either side of a piece's own time, samples: 7.5 ms, half the period of the
 * deepest voice.
 */
const SEARCH = 360;
/**
 * The first search tries every COARSE-th place with every COARSE-th sample; the second tries each
 * place around the best.
 */
const COARSE = 8;
const FINE = 2;

/** Stretches one voice. Speed 1 leaves it unchanged. */
export class TimeStretch {
  readonly speed: number;
  readonly #channels: number;
  /** Input from position #start. */
  #input: Float32Array[];
  #start = 0;
  /** Where the previous piece continues in the input; undefined before the first. */
  #tail: number | undefined;
  /** The output's next piece, counted in HOPs. */
  #piece = 0;
  readonly #rise = Float32Array.from({ length: HOP }, (_, i) => 0.5 - 0.5 * Math.cos((Math.PI * (i + 0.5)) / HOP));

  /** `speed` is the number of input samples per output sample. */
  constructor(speed: number, channels: number) {
    this.speed = speed;
    this.#channels = channels;
    this.#input = this.#empty(0);
  }

  /**
   * Takes samples and returns those that can be played now. A block that does not follow the
   * previous one restarts.
   */
  push({ position, channels }: SoundBlock): SoundBlock[] {
    if (this.speed === 1) return [{ position, channels }];
    if (position !== this.#end || this.#length === 0) this.#begin(position);
    this.#append(channels);
    const blocks: SoundBlock[] = [];
    for (let next = this.#next(); next !== undefined; next = this.#next()) blocks.push(next);
    return blocks;
  }

  get #length(): number {
    return this.#input[0]?.length ?? 0;
  }

  get #end(): number {
    return this.#start + this.#length;
  }

  #empty(length: number): Float32Array<ArrayBuffer>[] {
    return Array.from({ length: this.#channels }, () => new Float32Array(length));
  }

  #begin(position: number): void {
    this.#input = this.#empty(0);
    this.#start = position;
    this.#tail = undefined;
    this.#piece = Math.ceil(position / this.speed / HOP);
  }

  #append(channels: readonly Float32Array[]): void {
    this.#input = this.#input.map((held, c) => {
      const added = channels[c] ?? channels[0] ?? new Float32Array();
      const joined = new Float32Array(held.length + added.length);
      joined.set(held);
      joined.set(added, held.length);
      return joined;
    });
  }

  /** The output's next 10 ms; undefined until its input has arrived. */
  #next(): SoundBlock | undefined {
    const own = Math.round(this.#piece * HOP * this.speed);
    if (own + SEARCH + HOP > this.#end || (this.#tail ?? own) + HOP > this.#end) return undefined;
    const from = this.#tail === undefined ? own : this.#bestNear(own, this.#tail);
    const block = { position: this.#piece * HOP, channels: this.#empty(HOP) };
    for (const [c, output] of block.channels.entries()) {
      const input = this.#input[c] ?? output;
      for (let i = 0; i < HOP; i++) {
        const rise = this.#rise[i] ?? 0;
        const fresh = input[from - this.#start + i] ?? 0;
        const before = this.#tail === undefined ? fresh : (input[this.#tail - this.#start + i] ?? 0);
        output[i] = before * (1 - rise) + fresh * rise;
      }
    }
    this.#tail = from + HOP;
    this.#piece++;
    this.#forget(Math.min(this.#tail, Math.round(this.#piece * HOP * this.speed) - SEARCH));
    return block;
  }

  #forget(position: number): void {
    const gone = Math.min(this.#length, Math.max(0, position - this.#start));
    this.#input = this.#input.map((held) => held.subarray(gone));
    this.#start += gone;
  }

  /** The place within SEARCH of `own` where the input looks most like the samples at `tail`. */
  #bestNear(own: number, tail: number): number {
    const first = Math.max(this.#start, own - SEARCH);
    const last = own + SEARCH;
    const coarse = this.#search(first, last, own, tail, COARSE);
    return this.#search(Math.max(first, coarse - COARSE), Math.min(last, coarse + COARSE), coarse, tail, FINE);
  }

  /** The best place of first..last; `favourite` if none is better, as in silence. */
  #search(first: number, last: number, favourite: number, tail: number, step: number): number {
    let best = favourite;
    let bestScore = this.#likeness(favourite, tail, step);
    for (let from = first; from <= last; from += step === COARSE ? COARSE : 1) {
      const score = this.#likeness(from, tail, step);
      if (score <= bestScore) continue;
      bestScore = score;
      best = from;
    }
    return best;
  }

  /**
   * The similarity of the input at two places: the normalised cross-correlation, up to a constant.
   */
  #likeness(from: number, tail: number, step: number): number {
    let product = 0;
    let energy = 1e-9;
    for (const input of this.#input) {
      const [a, b] = [from - this.#start, tail - this.#start];
      for (let i = 0; i < HOP; i += step) {
        const value = input[a + i] ?? 0;
        product += value * (input[b + i] ?? 0);
        energy += value * value;
      }
    }
    return product / Math.sqrt(energy);
  }
}
