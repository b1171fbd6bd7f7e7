// The one error that reading Ogg throws: the bytes break RFC 3533 or RFC 7845, and where.

/** Input that is not a valid Ogg Opus file. */
export class OggError extends Error {
  override readonly name = 'OggError';
  /** Byte in the input at which the violation shows. */
  readonly offset: number;
  constructor(offset: number, message: string) {
    super(`${message} (at byte ${offset})`);
    this.offset = offset;
  }
}
