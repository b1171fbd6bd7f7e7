// The part of a broadcast that a replay holds, in chunks of five seconds: the current ones, some
// ahead, and the most recent ones, so that a small step back is instant. Bounded in chunks and
// bytes: the chunk farthest from the present is dropped first.
import type { CaptureRange, StoredFrame } from './archive-frames.ts';

/** Capture time that a chunk holds, milliseconds. */
export const CHUNK_MS = 5_000;

const CHUNKS_MAX = 24;
const BYTES_MAX = 48 * 1024 * 1024;
/**
 * Delay before another attempt after a chunk could not be loaded ahead; by then it may be needed.
 */
const RETRY_MS = 2_000;

/** Five seconds of a broadcast. */
export interface Chunk {
  readonly index: number;
  /**
   * Capture time at which it begins; it also holds the earlier frames that are needed to begin
   * here.
   */
  readonly fromMs: number;
  readonly frames: readonly StoredFrame[];
  readonly bytes: number;
}

type LoadFrames = (range: CaptureRange, signal: AbortSignal) => Promise<StoredFrame[]>;

/** The index of the chunk that holds a capture time. */
export function chunkIndexOf(mediaMs: number): number {
  return Math.max(0, Math.floor(mediaMs / CHUNK_MS));
}

/** Holds chunks around the present. */
export class ChunkStore {
  readonly #loadFrames: LoadFrames;
  readonly #nowMs: () => number;
  readonly #chunks = new Map<number, Chunk>();
  #loading: { index: number; chunk: Promise<Chunk>; stop: AbortController } | undefined;
  #retryMs = 0;

  constructor(loadFrames: LoadFrames, nowMs: () => number) {
    this.#loadFrames = loadFrames;
    this.#nowMs = nowMs;
  }

  /** The chunk, if it is held. */
  held(index: number): Chunk | undefined {
    return this.#chunks.get(index);
  }

  /**
   * The chunk, loaded if necessary, which aborts the loading of another. Rejects if the loading
   * does.
   */
  load(index: number): Promise<Chunk> {
    const held = this.#chunks.get(index);
    if (held !== undefined) return Promise.resolve(held);
    if (this.#loading?.index === index) return this.#loading.chunk;
    this.#loading?.stop.abort();
    return this.#begin(index);
  }

  /** Loads the first missing one of `count` chunks from `index`, unless a load is in progress. */
  loadAhead(index: number, count: number): void {
    if (this.#loading !== undefined || this.#nowMs() < this.#retryMs) return;
    for (let next = index; next < index + count; next++) {
      if (this.#chunks.has(next)) continue;
      this.#begin(next).catch(() => {
        this.#retryMs = this.#nowMs() + RETRY_MS;
      });
      return;
    }
  }

  close(): void {
    this.#loading?.stop.abort();
    this.#loading = undefined;
    this.#chunks.clear();
  }

  #begin(index: number): Promise<Chunk> {
    const stop = new AbortController();
    const fromMs = index * CHUNK_MS;
    const chunk = this.#loadFrames({ fromMs, toMs: fromMs + CHUNK_MS }, stop.signal)
      .then((frames) => {
        const loaded = { index, fromMs, frames, bytes: frames.reduce((sum, { bytes }) => sum + bytes.length, 0) };
        if (!stop.signal.aborted) this.#hold(loaded);
        return loaded;
      })
      .finally(() => {
        if (this.#loading?.stop === stop) this.#loading = undefined;
      });
    this.#loading = { index, chunk, stop };
    return chunk;
  }

  #hold(chunk: Chunk): void {
    this.#chunks.set(chunk.index, chunk);
    const bytes = () => [...this.#chunks.values()].reduce((sum, held) => sum + held.bytes, 0);
    while (this.#chunks.size > CHUNKS_MAX || (this.#chunks.size > 2 && bytes() > BYTES_MAX)) {
      const farthest = [...this.#chunks.keys()].reduce((a, b) => (Math.abs(b - chunk.index) > Math.abs(a - chunk.index) ? b : a));
      this.#chunks.delete(farthest);
    }
  }
}
