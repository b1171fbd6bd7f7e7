// The one thing servers read of an Opus packet: how long it lasts (RFC 6716 section 3.1 and 3.2).
import { WireError } from './wire-error.ts';

/** Opus always counts in 48 kHz samples (RFC 7845 section 4). */
export const OPUS_SAMPLE_RATE = 48_000;

/** Samples at 48 kHz that `packet` holds: 120 to 5760. Throws WireError for a packet that RFC 6716 section 3.4 forbids. */
export function opusPacketSamples(packet: Uint8Array): number {
  const toc = packet[0];
  if (toc === undefined) throw new WireError('an Opus packet is empty');
  const configuration = toc >> 3;
  const frameSamples =
    configuration < 12
      ? ([480, 960, 1920, 2880][configuration & 3] ?? 0)
      : configuration < 16
        ? ([480, 960][configuration & 1] ?? 0)
        : ([120, 240, 480, 960][configuration & 3] ?? 0);
  const code = toc & 3;
  let count = code === 0 ? 1 : 2;
  if (code === 1 && packet.length % 2 === 0) throw new WireError('an Opus packet of code 1 has an odd body');
  if (code === 3) {
    const byte = packet[1];
    if (byte === undefined) throw new WireError('an Opus packet of code 3 lacks its frame count');
    count = byte & 0x3f;
  }
  const samples = count * frameSamples;
  if (count === 0 || samples > 5_760) throw new WireError('an Opus packet lasts no time, or more than 120 ms');
  return samples;
}
