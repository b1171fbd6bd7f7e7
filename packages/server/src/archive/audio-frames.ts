// The AUDIO frames of one voice, kept small: packets one behind another in one buffer, numbers in arrays. A cut holds a minute
// of every voice, so what a frame takes decides how many voices a process can archive.

/** Packets as they come out of an AUDIO payload; more may lie in `packets` than are counted. */
interface FramePackets {
  readonly packetCount: number;
  readonly packets: readonly Uint8Array[];
  /** All packets together, at 48 kHz. */
  readonly samples: number;
}

const FIRST_FRAMES = 16;
const FIRST_BYTES = 1_024;
const GROWTH = 1.5;

/** Numbers kept for each frame. */
const [SEQUENCE, POSITION] = [0, 1];
const [SAMPLES, START, PACKETS] = [0, 1, 2];
const LENGTH_BYTES = 4;

/** Frames in the order in which they were added. */
export class AudioFrames {
  /** Each packet preceded by its length, 32 bits. */
  #bytes = Buffer.alloc(0);
  #used = 0;
  /** Sequence and position. */
  #large = new Float64Array(0);
  /** Samples, where the packets begin, how many there are. */
  #small = new Uint32Array(0);
  #length = 0;

  /** How many there are. */
  get length(): number {
    return this.#length;
  }

  /** Memory that they take. */
  get heldBytes(): number {
    return this.#bytes.length + this.#large.byteLength + this.#small.byteLength;
  }

  /** Adds a frame; its packets are copied. `position`: 48 kHz samples since the epoch began. */
  add(sequence: number, position: number, { packetCount, packets, samples }: FramePackets): void {
    const n = this.#length++;
    if (n * 2 === this.#large.length) this.#growNumbers();
    this.#large[n * 2 + SEQUENCE] = sequence;
    this.#large[n * 2 + POSITION] = position;
    this.#small[n * 3 + SAMPLES] = samples;
    this.#small[n * 3 + START] = this.#used;
    this.#small[n * 3 + PACKETS] = packetCount;
    for (let i = 0; i < packetCount; i++) {
      const packet = packets[i];
      if (packet === undefined) throw new RangeError('a frame has fewer packets than it counts');
      const end = this.#used + LENGTH_BYTES + packet.length;
      if (end > this.#bytes.length) this.#growBytes(end);
      this.#bytes.writeUInt32LE(packet.length, this.#used);
      this.#bytes.set(packet, this.#used + LENGTH_BYTES);
      this.#used = end;
    }
  }

  sequence(index: number): number {
    return this.#large[index * 2 + SEQUENCE] ?? 0;
  }

  position(index: number): number {
    return this.#large[index * 2 + POSITION] ?? 0;
  }

  /** How long it lasts. */
  samples(index: number): number {
    return this.#small[index * 3 + SAMPLES] ?? 0;
  }

  /** Pushes a frame's packets to `out`: views, good for as long as nothing is added. */
  pushPackets(index: number, out: Uint8Array[]): void {
    let at = this.#small[index * 3 + START] ?? 0;
    for (let rest = this.#small[index * 3 + PACKETS] ?? 0; rest > 0; rest--) {
      const start = at + LENGTH_BYTES;
      at = start + this.#bytes.readUInt32LE(at);
      out.push(new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + start, at - start));
    }
  }

  #growNumbers(): void {
    const frames = Math.max(FIRST_FRAMES, Math.ceil((this.#large.length / 2) * GROWTH));
    const [large, small] = [new Float64Array(frames * 2), new Uint32Array(frames * 3)];
    large.set(this.#large);
    small.set(this.#small);
    this.#large = large;
    this.#small = small;
  }

  #growBytes(needed: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, FIRST_BYTES, Math.ceil(this.#bytes.length * GROWTH)));
    grown.set(this.#bytes.subarray(0, this.#used));
    this.#bytes = grown;
  }
}
