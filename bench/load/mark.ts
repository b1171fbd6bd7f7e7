// The mark that begins every benchmark payload. mark.h is the same in C, and explains why.
import { Buffer } from 'node:buffer';

/** Eight bytes that occur nowhere else in a message. */
const MAGIC = Buffer.from('9ef7686179617465', 'hex');

/** The length of a mark, and the minimum length of a payload. */
export const MARK_BYTES = 32;

/** The values of a mark. */
export interface Mark {
  /** Rises by 1 within a stream. */
  sequence: number;
  stream: number;
  /** Length of the payload, mark included. */
  payloadBytes: number;
  /** Monotonic microseconds, the same for all processes of a machine. Default: now. */
  sentUs?: bigint;
}

/** Monotonic microseconds of the machine (CLOCK_MONOTONIC). */
export const nowUs = (): bigint => process.hrtime.bigint() / 1_000n;

/** Writes a mark into `payload` at `at`. */
export function writeMark(payload: Uint8Array, at: number, { sequence, stream, payloadBytes, sentUs = nowUs() }: Mark): void {
  payload.set(MAGIC, at);
  const view = new DataView(payload.buffer, payload.byteOffset + at, MARK_BYTES);
  view.setBigUint64(8, BigInt(sequence), true);
  view.setBigUint64(16, sentUs, true);
  view.setUint32(24, stream, true);
  view.setUint32(28, payloadBytes, true);
}
