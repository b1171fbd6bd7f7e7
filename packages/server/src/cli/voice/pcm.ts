// The interface between readers of recordings and the encoder: decoded sound, streamed from its
// beginning to its end.

/** PCM of one recording, read once from its beginning. */
export interface Pcm {
  readonly channels: 1 | 2;
  /** Hz. */
  readonly sampleRate: number;
  /** Samples of one channel, if known before the end. */
  readonly samples: number | undefined;
  /** Interleaved samples in [-1, 1], in blocks of any length. Can be called once. */
  blocks(): AsyncIterable<Float32Array>;
}
