// Payloads that no reader can accept, and payloads that many readers handle badly (wire.md,
// "MOTION" and "Reading").
import { create, toBinary } from '@bufbuild/protobuf';
import { MotionSchema } from '@hayate/protocol';

/**
 * MOTION payloads that break the contract: values that the masks do not name, an incomplete hips
 * value, bytes that are not a message.
 */
export function unreadableMotions(): Uint8Array[] {
  const motion = (parts: { boneMask?: number[]; rotations?: number; shapeMask?: number[]; shapes?: number; hips?: number[] }) => {
    const { boneMask = [], rotations = 0, shapeMask = [], shapes = 0, hips = [] } = parts;
    const fields = { boneMask: Uint8Array.from(boneMask), rotations: new Uint8Array(rotations), shapeMask: Uint8Array.from(shapeMask) };
    return toBinary(MotionSchema, create(MotionSchema, { ...fields, shapes: new Uint8Array(shapes), hips }));
  };
  return [
    motion({ boneMask: [3], rotations: 11 }),
    motion({ boneMask: [1], rotations: 12 }),
    motion({ boneMask: [255], rotations: 0 }),
    motion({ shapeMask: [1], shapes: 0 }),
    motion({ shapeMask: [0], shapes: 3 }),
    motion({ hips: [1] }),
    motion({ hips: [1, 2] }),
    motion({ hips: [1, 2, 3, 4] }),
    Uint8Array.of(0xff, 0xff, 0xff),
    Uint8Array.of(0x0a, 0x7f, 0x01),
  ];
}

/** Bytes that are not a Protobuf message, or an unusual one. */
export function unreadablePayloads(): Uint8Array[] {
  return [
    new Uint8Array(),
    Uint8Array.of(0xff),
    // A length beyond the end; a group that does not end; field number 0; a varint of 11 bytes;
    // text that is not UTF-8.
    Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f),
    Uint8Array.of(0x0b, 0x0b, 0x0b, 0x0b),
    Uint8Array.of(0x00, 0x00),
    Uint8Array.of(0x08, ...new Uint8Array(10).fill(0xff), 0x01),
    Uint8Array.of(0x0a, 0x04, 0x0a, 0x02, 0xc3, 0x28),
    new Uint8Array(60_000).fill(0x0b),
  ];
}
