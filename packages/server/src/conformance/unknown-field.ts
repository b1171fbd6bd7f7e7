// Adds fields that a later version of the contract might define: one of every wire type, to a
// message and to each message within it.
import type { UnknownField } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { ServerMessage } from '@hayate/protocol';

/** Adds unknown fields to `message` at every depth, and returns it. */
export function withUnknownFields(message: ServerMessage): ServerMessage {
  const { published, watching, pong, ack, resend, goAway, audience, ended, gaps } = message;
  const parts = [published, published?.limits, watching, pong, ack, resend, goAway, audience, ended, ...gaps];
  for (const part of [message, ...parts]) if (part !== undefined) part.$unknown = unknownFields();
  return message;
}

function unknownFields(): UnknownField[] {
  return [
    { no: 16, wireType: WireType.Varint, data: new BinaryWriter().uint64(2n ** 64n - 1n).finish() },
    { no: 47, wireType: WireType.Bit64, data: new BinaryWriter().fixed64(7n).finish() },
    { no: 100, wireType: WireType.LengthDelimited, data: new BinaryWriter().bytes(Uint8Array.of(0xff, 0x0a, 0x80)).finish() },
    { no: 2_000, wireType: WireType.Bit32, data: new BinaryWriter().fixed32(7).finish() },
  ];
}
