// Opus packets may be padded to any length (RFC 6716 section 3.2.5) without any audible effect.
// This code removes the padding of packets that are too long to send.

/** A valid packet without padding, with the same audio; the packet itself if it has no padding. */
export function withoutPadding(packet: Uint8Array): Uint8Array {
  const [toc = 0, count = 0] = packet;
  if ((toc & 3) !== 3 || (count & 0x40) === 0) return packet;
  let at = 2;
  let padding = 0;
  for (let more = 255; more === 255; ) {
    more = packet[at++] ?? 0;
    padding += more === 255 ? 254 : more;
  }
  const frames = packet.subarray(at, packet.length - padding);
  const short = new Uint8Array(2 + frames.length);
  short.set([toc, count & ~0x40]);
  short.set(frames, 2);
  return short;
}
