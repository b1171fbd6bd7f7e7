// An epoch is one broadcast of a stream. Its number is Unix milliseconds << 20 | 20 random bits, so
// a stream's epochs sort by time. The wire carries it as a fixed64. Text (paths, JSON, Avro) has 16
// lower-case hex digits, which sort the same way.

const RANDOM_BITS = 20n;

/**
 * Mints an epoch for a broadcast that starts at `nowMs` (Unix milliseconds, until the year 2527).
 * `random` is an integer in [0, 2^20).
 */
export function mintEpoch(nowMs: number, random: number): bigint {
  return (BigInt(Math.floor(nowMs)) << RANDOM_BITS) | BigInt(random & 0xfffff);
}

/** The time at which the epoch was minted, Unix milliseconds. */
export function epochStartedMs(epoch: bigint): number {
  return Number(epoch >> RANDOM_BITS);
}

/** The epoch as text: 16 lower-case hex digits. */
export function epochText(epoch: bigint): string {
  return epoch.toString(16).padStart(16, '0');
}

/** Reads the form that `epochText` writes. Returns undefined for any other text. */
export function epochFromText(text: string): bigint | undefined {
  return /^[0-9a-f]{16}$/.test(text) ? BigInt(`0x${text}`) : undefined;
}
