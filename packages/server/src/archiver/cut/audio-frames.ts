// Stores the AUDIO frames of one voice compactly: numbers and packets, one after another, in
// chunks. A cut holds a minute of every voice, so the size of a frame here decides how many voices
// a process can archive.
import { type BufferSource, freshBuffers } from '../../kernel/buffer-pool.ts';

/** The packets of one AUDIO payload; only the first `packetCount` of `packets` belong to it. */
interface FramePackets {
  readonly packetCount: number;
  readonly packets: readonly Uint8Array[];
  /** Duration of all packets together, at 48 kHz. */
  readonly samples: number;
}

/** Size of a chunk unless a source says otherwise: two or three seconds of a voice. */
const CHUNK_BYTES = 16_384;

const FIRST_FRAMES = 64;

/**
 * The layout of a frame in its chunk: sequence and position (doubles), samples and packet count (32
 * bits each), then each packet after its length (32 bits).
 */
const [SEQUENCE, POSITION, SAMPLES, PACKETS, HEAD_BYTES] = [0, 8, 16, 20, 24];
const LENGTH_BYTES = 4;

/** Frames in the order in which they were added. */
export class AudioFrames {
  readonly #source: BufferSource;
  readonly #chunks: Buffer[] = [];
  /** Used bytes of the last chunk. */
  #used = 0;
  #chunkBytes = 0;
  /** For each frame, the number of its chunk and its offset in the chunk. */
  #places = new Uint32Array(0);
  #length = 0;

  /** Takes chunks from `source`, except for frames that are longer than a chunk. */
  constructor(source = freshBuffers(CHUNK_BYTES)) {
    this.#source = source;
  }

  /** The number of frames. */
  get length(): number {
    return this.#length;
  }

  /** The memory that the frames take, in bytes. */
  get heldBytes(): number {
    return this.#chunkBytes + this.#places.byteLength;
  }

  /** Adds a frame and copies its packets. `position`: 48 kHz samples since the epoch began. */
  add(sequence: number, position: number, { packetCount, packets, samples }: FramePackets): void {
    let size = HEAD_BYTES;
    for (let i = 0; i < packetCount; i++) size += LENGTH_BYTES + (packets[i]?.length ?? 0);
    const chunk = this.#room(size);
    let at = this.#used;
    this.#used += size;
    const n = this.#length++;
    if (n * 2 === this.#places.length) this.#growPlaces();
    this.#places[n * 2] = this.#chunks.length - 1;
    this.#places[n * 2 + 1] = at;
    chunk.writeDoubleLE(sequence, at + SEQUENCE);
    chunk.writeDoubleLE(position, at + POSITION);
    chunk.writeUInt32LE(samples, at + SAMPLES);
    chunk.writeUInt32LE(packetCount, at + PACKETS);
    at += HEAD_BYTES;
    for (let i = 0; i < packetCount; i++) {
      const packet = packets[i];
      if (packet === undefined) throw new RangeError('a frame has fewer packets than it counts');
      chunk.writeUInt32LE(packet.length, at);
      chunk.set(packet, at + LENGTH_BYTES);
      at += LENGTH_BYTES + packet.length;
    }
  }

  sequence(index: number): number {
    return this.#chunk(index).readDoubleLE(this.#at(index) + SEQUENCE);
  }

  position(index: number): number {
    return this.#chunk(index).readDoubleLE(this.#at(index) + POSITION);
  }

  /** The frame's duration, 48 kHz samples. */
  samples(index: number): number {
    return this.#chunk(index).readUInt32LE(this.#at(index) + SAMPLES);
  }

  /** Pushes a frame's packets to `out`, as views that are valid until `release`. */
  pushPackets(index: number, out: Uint8Array[]): void {
    const chunk = this.#chunk(index);
    let at = this.#at(index) + HEAD_BYTES;
    for (let rest = chunk.readUInt32LE(this.#at(index) + PACKETS); rest > 0; rest--) {
      const start = at + LENGTH_BYTES;
      at = start + chunk.readUInt32LE(at);
      out.push(new Uint8Array(chunk.buffer, chunk.byteOffset + start, at - start));
    }
  }

  /** Releases the memory. Nothing can be read after that. */
  release(): void {
    for (const chunk of this.#chunks.splice(0)) if (chunk.length === this.#source.size) this.#source.give(chunk);
    this.#length = 0;
    this.#chunkBytes = 0;
  }

  #chunk(index: number): Buffer {
    const chunk = index < this.#length ? this.#chunks[this.#places[index * 2] ?? 0] : undefined;
    if (chunk === undefined) throw new RangeError(`there is no frame ${index}`);
    return chunk;
  }

  #at(index: number): number {
    return this.#places[index * 2 + 1] ?? 0;
  }

  /**
   * Returns the last chunk, or a new one if it has no room. A frame longer than a chunk gets a
   * chunk of its own length.
   */
  #room(size: number): Buffer {
    const last = this.#chunks.at(-1);
    if (last !== undefined && this.#used + size <= last.length) return last;
    const chunk = size > this.#source.size ? Buffer.allocUnsafeSlow(size) : this.#source.take();
    this.#chunks.push(chunk);
    this.#chunkBytes += chunk.length;
    this.#used = 0;
    return chunk;
  }

  #growPlaces(): void {
    const grown = new Uint32Array(Math.max(FIRST_FRAMES * 2, this.#places.length * 2));
    grown.set(this.#places);
    this.#places = grown;
  }
}
