// Computes the duration of an Opus packet by the verifier's own reading of RFC 6716. Returns
// undefined for a packet that section 3.4 forbids. It shares no code with the writer's
// opusPacketSamples; spec/vectors/opus.json checks both.

const FRAME_BYTES_MAX = 1_275;
/** 120 ms. */
const PACKET_SAMPLES_MAX = 5_760;

/** Samples at 48 kHz, or undefined for a packet that breaks one of the rules R1 to R7. */
export function packetSamples(packet: Uint8Array): number | undefined {
  const [toc] = packet;
  if (toc === undefined) return undefined;
  const lengths = frameLengths(toc & 3, packet.subarray(1));
  if (lengths === undefined || lengths.length === 0) return undefined;
  if (lengths.some((length) => !Number.isInteger(length) || length < 0 || length > FRAME_BYTES_MAX)) return undefined;
  const samples = lengths.length * frameSamples(toc >> 3);
  return samples > PACKET_SAMPLES_MAX ? undefined : samples;
}

/** Samples of one frame, by the packet's configuration (section 3.1, table 2). */
function frameSamples(config: number): number {
  if (config < 12) return [480, 960, 1_920, 2_880][config % 4] ?? 0;
  return config < 16 ? 480 * (1 + (config % 2)) : 120 * 2 ** (config % 4);
}

/**
 * The frames' lengths in bytes, which may be impossible; undefined if the length bytes are missing.
 */
function frameLengths(code: number, body: Uint8Array): number[] | undefined {
  if (code === 0) return [body.length];
  if (code === 1) return [body.length / 2, body.length / 2];
  const left = [...body];
  if (code === 2) {
    const first = takeLength(left);
    return first === undefined ? undefined : [first, left.length - first];
  }
  const head = left.shift();
  if (head === undefined) return undefined;
  const count = head % 64;
  const padding = (head & 64) === 0 ? 0 : takePadding(left);
  if (padding === undefined) return undefined;
  if (head < 128) return Array(count).fill((left.length - padding) / count);
  const told: number[] = [];
  while (told.length < count - 1) {
    const length = takeLength(left);
    if (length === undefined) return undefined;
    told.push(length);
  }
  return count === 0 ? [] : [...told, told.reduce((rest, length) => rest - length, left.length - padding)];
}

/** Takes a length of one or two bytes (section 3.2.1) from the front. */
function takeLength(bytes: number[]): number | undefined {
  const first = bytes.shift();
  if (first === undefined || first < 252) return first;
  const second = bytes.shift();
  return second === undefined ? undefined : first + 4 * second;
}

/**
 * Takes the padding's length (section 3.2.5) from the front. Returns the number of padding bytes at
 * the end of the packet.
 */
function takePadding(bytes: number[]): number | undefined {
  for (let padding = 0; ; padding += 254) {
    const byte = bytes.shift();
    if (byte === undefined) return undefined;
    if (byte < 255) return padding + byte;
  }
}
