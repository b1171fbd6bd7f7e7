// What one test vector of spec/vectors is: bytes, what they are, and what a reader must make of them.
import { type DescMessage, fromBinary, type JsonValue, toJson } from '@bufbuild/protobuf';

/** One vector. Its file is `<name>.bin`. */
export interface Vector {
  name: string;
  /** Message type, in the package hayate.v1. */
  message: string;
  about: string;
  bytes: Uint8Array;
  /** The decoded message in Protobuf's canonical JSON with default values; absent if the bytes are invalid. */
  value?: JsonValue;
  /** Of a frame: the message type of its payload and that decoded likewise. */
  payload?: { message: string; value: JsonValue };
  /** Of a motion payload. */
  motion?: MotionValue;
  /** Of invalid bytes: the close code name that a server answers with. */
  failure?: string;
}

/** A motion payload decoded: `key` is the name of the vector that a delta applies to. */
export interface MotionValue {
  key?: string;
  /** Hips in 1/10 mm; for each bone its 6 bytes as a hexadecimal string; for each shape 0-255. */
  quantised: { hips: number[]; rotations: string[]; shapes: number[] };
  /** Hips in metres, a quaternion x, y, z, w for each bone, weights 0-1. */
  pose: { hips: number[]; rotations: number[][]; shapes: number[] };
}

/** A valid vector whose value is read from its own bytes by the generated codec. */
export function valid(name: string, schema: DescMessage, about: string, bytes: Uint8Array): Vector {
  return { name, message: schema.name, about, bytes, value: decodedJson(schema, bytes) };
}

/** An invalid one, which a server answers with PROTOCOL_ERROR. */
export function invalid(name: string, message: string, about: string, bytes: Uint8Array): Vector {
  return { name, message, about, bytes, failure: 'PROTOCOL_ERROR' };
}

/** The canonical JSON of an encoded message, default values written out. */
export function decodedJson(schema: DescMessage, bytes: Uint8Array): JsonValue {
  return toJson(schema, fromBinary(schema, bytes), { alwaysEmitImplicit: true });
}
