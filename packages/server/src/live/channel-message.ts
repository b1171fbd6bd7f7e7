// Decodes what arrives on a shard channel. Shards are ours, but what lies on them may be of another version or broken:
// a message that cannot be read is counted and left out, never thrown through the adapter.
import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { WireError } from '@hayate/protocol';

/** A receiver that decodes `schema` and counts what does not decode. */
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
