// The one error that decoding throws: the bytes break spec/wire.md. The message names the fault,
// never the bytes.

/** Input that breaks the wire contract. Servers answer it with close code PROTOCOL_ERROR. */
export class WireError extends Error {
  override readonly name = 'WireError';
}
