// The type of a test vector in spec/vectors: bytes, their meaning, and the result that a reader
// must produce.
import { type DescMessage, fromBinary, type JsonValue, toJson } from '@bufbuild/protobuf';

/** One vector. Its file is `<name>.bin`. */
export interface Vector {
  name: string;
  /** Message type, in the package hayate.v1. */
  message: string;
  about: string;
  bytes: Uint8Array;
  /**
   * The decoded message in Protobuf's canonical JSON with default values. Absent if the bytes are
   * invalid.
   */
  value?: JsonValue;
  /** For a frame: the message type of its payload, and the decoded payload in the same JSON. */
  payload?: { message: string; value: JsonValue };
  /** For a motion payload. */
  motion?: MotionValue;
  /** For invalid bytes: the name of the close code that a server answers with. */
  failure?: string;
}

/** A decoded motion payload. `key` is the name of the vector that a delta applies to. */
export interface MotionValue {
  key?: string;
  /** Hips in 1/10 mm. For each bone its 6 bytes as a hexadecimal string. For each shape 0-255. */
  quantised: { hips: number[]; rotations: string[]; shapes: number[] };
  /** Hips in metres, a quaternion x, y, z, w for each bone, weights 0-1. */
  pose: { hips: number[]; rotations: number[][]; shapes: number[] };
}

/** A valid vector. The generated codec reads its value from the vector's own bytes. */
export function valid(name: string, schema: DescMessage, about: string, bytes: Uint8Array): Vector {
  return { name, message: schema.name, about, bytes, value: decodedJson(schema, bytes) };
}

/** An invalid vector, which a server answers with PROTOCOL_ERROR. */
export function invalid(name: string, message: string, about: string, bytes: Uint8Array): Vector {
  return { name, message, about, bytes, failure: 'PROTOCOL_ERROR' };
}

/** The canonical JSON of an encoded message, with default values. */
export function decodedJson(schema: DescMessage, bytes: Uint8Array): JsonValue {
  return toJson(schema, fromBinary(schema, bytes), { alwaysEmitImplicit: true });
}
