// Decoded voice around the present: blocks of samples by position in, single samples out. The
// newest 2.7 s are held. The text of this class is part of the audio worklet, so it must use
// nothing from outside itself.

/** Samples (48 kHz) of each channel by position, with holes where nothing has arrived. */
export class VoiceRing {
  /** Samples that it holds: a power of two. */
  readonly #size = 131_072;
  /** Samples in which silence is looked for: 10 ms. */
  readonly #chunk = 480;
  /** A chunk whose root mean square is below this is silent. */
  readonly #silenceRms = 0.003;
  readonly #channels: Float32Array[];
  readonly #present = new Uint8Array(this.#size);
  /** Only positions from #start to before #end can be present. */
  #start = 0;
  #end = 0;

  constructor(channelCount: number) {
    this.#channels = Array.from({ length: channelCount }, () => new Float32Array(this.#size));
  }

  get start(): number {
    return this.#start;
  }

  /** The position after the last one that is present. */
  get end(): number {
    return this.#end;
  }

  /** Whether the sample at `position` has arrived. */
  has(position: number): boolean {
    return position >= this.#start && position < this.#end && this.#present[position & (this.#size - 1)] === 1;
  }

  /**
   * Takes samples (one array per channel) that begin at `position`. Returns false, and takes none,
   * if they begin before all that is held.
   */
  write(position: number, channels: readonly Float32Array[]): boolean {
    const length = channels[0]?.length ?? 0;
    if (this.#end === this.#start) this.#start = this.#end = position;
    if (position < this.#start) return false;
    if (position + length > this.#end) this.#extend(position + length);
    for (let i = 0; i < length; i++) {
      const slot = (position + i) & (this.#size - 1);
      this.#present[slot] = 1;
      for (let c = 0; c < this.#channels.length; c++) {
        const ring = this.#channels[c];
        const source = channels[c] ?? channels[0];
        if (ring !== undefined && source !== undefined) ring[slot] = source[i] ?? 0;
      }
    }
    return true;
  }

  /**
   * The sample between two positions, by third-order Hermite interpolation; a missing neighbour
   * takes the nearest value.
   */
  sampleAt(channel: number, whole: number, fraction: number): number {
    const ring = this.#channels[channel];
    if (ring === undefined) return 0;
    const mask = this.#size - 1;
    const y1 = ring[whole & mask] ?? 0;
    const y0 = this.has(whole - 1) ? (ring[(whole - 1) & mask] ?? 0) : y1;
    const y2 = this.has(whole + 1) ? (ring[(whole + 1) & mask] ?? 0) : y1;
    const y3 = this.has(whole + 2) ? (ring[(whole + 2) & mask] ?? 0) : y2;
    const c1 = 0.5 * (y2 - y0);
    const c2 = y0 - 2.5 * y1 + 2 * y2 - 0.5 * y3;
    const c3 = 0.5 * (y3 - y0) + 1.5 * (y1 - y2);
    return ((c3 * fraction + c2) * fraction + c1) * fraction + y1;
  }

  /** Whether the chunk from `from` is there and silent. */
  isSilent(from: number): boolean {
    let square = 0;
    for (let position = from; position < from + this.#chunk; position++) {
      if (!this.has(position)) return false;
      for (const ring of this.#channels) square += (ring[position & (this.#size - 1)] ?? 0) ** 2;
    }
    return square < this.#silenceRms * this.#silenceRms * this.#chunk * this.#channels.length;
  }

  /** Whether nothing of the chunk from `from` is there. */
  isMissing(from: number): boolean {
    for (let position = from; position < from + this.#chunk; position++) if (this.has(position)) return false;
    return true;
  }

  #extend(end: number): void {
    if (end - this.#end > this.#size) this.#present.fill(0);
    else for (let position = this.#end; position < end; position++) this.#present[position & (this.#size - 1)] = 0;
    this.#end = end;
    this.#start = Math.max(this.#start, end - this.#size);
  }
}
