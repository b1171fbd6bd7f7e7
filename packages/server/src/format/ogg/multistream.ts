// Splits a packet of several Opus streams into a packet of each (RFC 7845 section 5.1.1). All but
// the last are self-delimited (RFC 6716 appendix B); they are converted, so that any decoder can
// read them.
import { opusPacketSamples } from '@hayate/protocol';

/**
 * The packets of `streams` Opus streams in `packet`, each valid and all of the same duration;
 * undefined if it is not such a packet.
 */
export function splitStreams(packet: Uint8Array, streams: number): Uint8Array[] | undefined {
  const packets: Uint8Array[] = [];
  let rest = packet;
  for (let stream = 1; stream < streams; stream++) {
    const split = splitDelimited(rest);
    if (split === undefined) return undefined;
    packets.push(split.packet);
    rest = split.rest;
  }
  packets.push(rest);
  const durations = packets.map(samplesOf);
  return durations.every((samples) => samples !== undefined && samples === durations[0]) ? packets : undefined;
}

/** 48 kHz samples of a packet; undefined if it is not valid. */
export function samplesOf(packet: Uint8Array): number | undefined {
  try {
    return opusPacketSamples(packet);
  } catch {
    return undefined;
  }
}

/** Takes a self-delimited packet off the front of `bytes`. */
function splitDelimited(bytes: Uint8Array): { packet: Uint8Array; rest: Uint8Array } | undefined {
  const toc = bytes[0];
  if (toc === undefined) return undefined;
  let at = 1;
  const next = () => bytes[at++] ?? Number.NaN;
  const nextLength = () => {
    const first = next();
    return first < 252 ? first : first + 4 * next();
  };
  const code = toc & 3;
  let frames = code === 0 ? 1 : 2;
  let isVariable = code === 2;
  let padding = 0;
  if (code === 3) {
    const byte = next();
    frames = byte & 0x3f;
    isVariable = (byte & 0x80) !== 0;
    if ((byte & 0x40) !== 0)
      for (let more = 255; more === 255; ) {
        more = next();
        padding += more === 255 ? 254 : more;
      }
  }
  let size = padding;
  if (isVariable) for (let frame = 1; frame < frames; frame++) size += nextLength();
  const lengthAt = at;
  // The delimiting length: of the last frame, or of every frame if all are equal.
  const length = nextLength();
  size += isVariable ? length : length * frames;
  const end = at + size;
  if (!(end <= bytes.length)) return undefined;
  return {
    packet: new Uint8Array(Buffer.concat([bytes.subarray(0, lengthAt), bytes.subarray(at, end)])),
    rest: bytes.subarray(end),
  };
}
