// Poses to MOTION payloads: for each participant a key at least once a second, otherwise a delta
// against that key.
import { encodeMotionDelta, encodeMotionKey, Limits, type Pose, type QuantisedPose, quantisePose } from '@hayate/protocol';

/** A payload and the fields of its frame. */
export interface EncodedMotion {
  payload: Uint8Array;
  /** Undefined for a key; pass its frame's sequence to `keySent`. */
  keySequence: number | undefined;
  /** For `keySent`. */
  quantised: QuantisedPose;
}

/**
 * A key is sent this early, so that even at 10 poses a second the next pose is never too late for
 * it.
 */
const KEY_INTERVAL_US = (Limits.keyIntervalMsMax - 100) * 1_000;

/** Encodes poses of one epoch. */
export class MotionEncoder {
  readonly #keys = new Map<number, { quantised: QuantisedPose; sequence: number; captureUs: number; bytes: number }>();

  /** Every participant's next pose becomes a key, because the other side may have lost its keys. */
  restart(): void {
    this.#keys.clear();
  }

  /** Encodes a pose. Undefined if it would be a delta and `keysOnly` is set. */
  encode(pose: Pose, options: { participant: number; captureUs: number; keysOnly: boolean }): EncodedMotion | undefined {
    const key = this.#keys.get(options.participant);
    const due = key === undefined || options.captureUs - key.captureUs >= KEY_INTERVAL_US || options.captureUs < key.captureUs;
    if (!due && options.keysOnly) return undefined;
    const quantised = quantisePose(pose);
    if (!due) {
      const payload = encodeMotionDelta(quantised, key.quantised);
      // A delta that is no smaller than a key is sent as a key.
      if (payload.length < key.bytes) return { payload, keySequence: key.sequence, quantised };
    }
    return { payload: encodeMotionKey(quantised), keySequence: undefined, quantised };
  }

  /** The key was sent as `sequence`; later deltas refer to it. */
  keySent(motion: EncodedMotion, frame: { participant: number; sequence: number; captureUs: number }): void {
    const { quantised, payload } = motion;
    this.#keys.set(frame.participant, { quantised, sequence: frame.sequence, captureUs: frame.captureUs, bytes: payload.length });
  }
}
