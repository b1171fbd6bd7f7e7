// Packets for lost time: a TOC byte and an empty frame, which tells a decoder to conceal (RFC 6716
// section 3.2.1, RFC 7845 section 4.1). They keep the neighbour's mode, bandwidth, channels and
// frame size as long as these fit, then use shorter frames of the mode, and finally 2.5 ms CELT
// frames.
import { opusPacketSamples } from '@hayate/protocol';

/** The smallest step of an Opus timeline: 2.5 ms at 48 kHz. */
export const GAP_STEP_SAMPLES = 120;

/** Code 0: one frame per packet (RFC 6716 section 3.2). */
const CODE_MASK = 0xfc;
const CELT_FIRST = 16;
const HYBRID_FIRST = 12;

/** Whether the packet has no audio: a DTX packet, or one of `concealGap`. */
export function isConcealment(packet: Uint8Array): boolean {
  return packet.length <= 1;
}

/** Whether packets can last exactly `samples` in total. */
export function canConceal(samples: number): boolean {
  return samples % GAP_STEP_SAMPLES === 0;
}

/**
 * Packets that last `samples` (48 kHz) in total, with the settings of `neighbour`, the packet
 * before the gap (or after it). Undefined if `samples` is not a multiple of 2.5 ms, so that no
 * packets can.
 */
export function concealGap(samples: number, neighbour: Uint8Array): Uint8Array[] | undefined {
  if (!canConceal(samples)) return undefined;
  const packets: Uint8Array[] = [];
  let rest = samples;
  for (const toc of tocLadder((neighbour[0] ?? 0) & CODE_MASK)) {
    const packet = Uint8Array.of(toc);
    const duration = opusPacketSamples(packet);
    for (; rest >= duration; rest -= duration) packets.push(packet);
  }
  return packets;
}

/**
 * The TOC bytes to use, in order: the neighbour's own, then shorter ones of its mode, then CELT's.
 */
function tocLadder(toc: number): number[] {
  const configuration = toc >> 3;
  // RFC 6716 section 3.1, table 2: SILK in fours (10, 20, 40, 60 ms), hybrid in twos (10, 20), CELT
  // in fours (2.5, 5, 10, 20).
  const group = configuration < HYBRID_FIRST || configuration >= CELT_FIRST ? 4 : 2;
  const ladder: number[] = [];
  for (let step = configuration; step >= configuration - (configuration % group); step--) ladder.push((step << 3) | (toc & 4));
  if (configuration < CELT_FIRST) for (const celt of [31, 30, 29, 28]) ladder.push((celt << 3) | (toc & 4));
  return ladder;
}
