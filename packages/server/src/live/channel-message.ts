// Decodes the messages of a shard channel. Shards belong to the deployment, but a message may still
// be broken or of another version. One that cannot be read is counted and skipped, never thrown
// through the adapter.
import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { WireError } from '@hayate/protocol';

/** A receiver that decodes `schema`, and counts messages that cannot be decoded. */
export function decoding<Schema extends DescMessage>(
  schema: Schema,
  take: (message: MessageShape<Schema>) => void,
  malformed: () => void,
): (bytes: Uint8Array) => void {
  return (bytes) => {
    let message: MessageShape<Schema>;
    try {
      message = fromBinary(schema, bytes);
    } catch {
      malformed();
      return;
    }
    try {
      take(message);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      malformed();
    }
  };
}
