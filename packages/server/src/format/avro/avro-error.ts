// The one error that reading Avro throws: the bytes are not a container file that this reader can vouch for.

/** Input that is not a valid Avro object container file, or whose digest does not fit its content. */
export class AvroError extends Error {
  override readonly name = 'AvroError';
  /** If the input is cut short: bytes that it needs to go on, at least. */
  readonly needed: number | undefined;

  constructor(message: string, { needed, ...options }: ErrorOptions & { needed?: number } = {}) {
    super(message, options);
    this.needed = needed;
  }
}
