// The only error of the Ogg readers: the bytes violate RFC 3533 or RFC 7845, at a given position.

/** Input that is not a valid Ogg Opus file. */
export class OggError extends Error {
  override readonly name = 'OggError';
  /** The byte in the input where the violation shows. */
  readonly offset: number;
  constructor(offset: number, message: string) {
    super(`${message} (at byte ${offset})`);
    this.offset = offset;
  }
}
