// Servers read two facts from an Opus packet: how long it lasts, and whether a decoder accepts it
// (RFC 6716 section 3). A packet that breaks the framing rules would stop viewers' decoders, so
// servers must not forward it.
import { WireError } from './wire-error.ts';

/** Opus always counts in 48 kHz samples (RFC 7845 section 4). */
export const OPUS_SAMPLE_RATE = 48_000;

/** Bytes of one Opus frame, at most (RFC 6716 section 3.4, R2). */
const FRAME_BYTES_MAX = 1_275;

/**
 * Samples of a frame by its configuration (RFC 6716 section 3.1, table 2): SILK in groups of four,
 * hybrid of two, CELT of four.
 */
const FRAME_SAMPLES = [
  ...Array.from({ length: 3 }, () => [480, 960, 1_920, 2_880]),
  ...Array.from({ length: 2 }, () => [480, 960]),
  ...Array.from({ length: 4 }, () => [120, 240, 480, 960]),
].flat();

/**
 * Samples at 48 kHz that `packet` holds: 120 to 5760. Throws WireError for a packet that RFC 6716
 * section 3.4 (R1 to R7) forbids. It checks the framing alone and does not read the contents of the
 * frames.
 */
export function opusPacketSamples(packet: Uint8Array): number {
  const toc = packet[0];
  if (toc === undefined) throw new WireError('an Opus packet is empty');
  const frameSamples = FRAME_SAMPLES[toc >> 3] ?? 0;
  // One frame in the packet, the usual form for a voice.
  if ((toc & 3) === 0 && packet.length <= 1 + FRAME_BYTES_MAX) return frameSamples;
  return checkFraming(packet, toc & 3, frameSamples) * frameSamples;
}

/** Checks R2 to R7. Returns the number of frames. */
function checkFraming(packet: Uint8Array, code: number, frameSamples: number): number {
  let at = 1;
  const next = () => {
    const byte = packet[at++];
    if (byte === undefined) throw new WireError('an Opus packet is cut short');
    return byte;
  };
  const nextLength = () => {
    const first = next();
    return first < 252 ? first : first + 4 * next();
  };
  let count = code === 0 ? 1 : 2;
  let constant = code < 2;
  let padding = 0;
  if (code === 3) {
    const byte = next();
    count = byte & 0x3f;
    constant = (byte & 0x80) === 0;
    if (count === 0 || count * frameSamples > 5_760) throw new WireError('an Opus packet has no duration, or more than 120 ms');
    if ((byte & 0x40) !== 0) padding = readPadding(next);
  }
  let largest = 0;
  let lengths = 0;
  if (!constant)
    for (let i = 1; i < count; i++) {
      const length = nextLength();
      lengths += length;
      largest = Math.max(largest, length);
    }
  const last = constant ? (packet.length - at - padding) / count : packet.length - at - padding - lengths;
  if (last < 0) throw new WireError('an Opus packet is cut short');
  if (!Number.isInteger(last)) throw new WireError('the frames of an Opus packet are not of equal length');
  if (Math.max(largest, last) > FRAME_BYTES_MAX) throw new WireError('an Opus frame is longer than 1275 bytes');
  return count;
}

/**
 * Bytes of padding at the end. A length byte of 255 means 254 bytes, and another length byte
 * follows.
 */
function readPadding(next: () => number): number {
  let padding = 0;
  for (;;) {
    const byte = next();
    if (byte < 255) return padding + byte;
    padding += 254;
  }
}
