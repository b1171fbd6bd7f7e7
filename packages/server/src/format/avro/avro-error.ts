// The only error of the Avro reader: the bytes are not a valid container file.

/**
 * The input is not a valid Avro object container file, or its digest does not match its content.
 */
export class AvroError extends Error {
  override readonly name = 'AvroError';
  /** If the input is cut short: the least number of bytes needed to continue. */
  readonly needed: number | undefined;

  constructor(message: string, { needed, ...options }: ErrorOptions & { needed?: number } = {}) {
    super(message, options);
    this.needed = needed;
  }
}
