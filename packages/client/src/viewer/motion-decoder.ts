// MOTION frames to poses: each participant's latest key is kept, a delta is read over it. A delta whose key is not there
// is not drawn; the next key, at most a second away, puts it right.
import { decodeMotion, type FrameHeader, isKey, Limits, type Pose, type QuantisedPose } from '@hayate/protocol';

/** Why no pose came out of a frame. */
export type MotionMiss = 'key_missing' | 'stale';

/** Decodes the poses of one epoch. */
export class MotionDecoder {
  readonly #tracks = new Map<number, { key: QuantisedPose; keySequence: number; newest: number }>();

  /** The pose of a frame; throws WireError if its payload cannot be read. 'stale': a newer pose of the participant was given. */
  decode(header: FrameHeader, payload: Uint8Array): Pose | MotionMiss {
    const track = this.#tracks.get(header.participant);
    if (isKey(header)) {
      if (track !== undefined && header.sequence <= track.keySequence) return 'stale';
      const { quantised, pose } = decodeMotion(payload);
      const newest = Math.max(track?.newest ?? 0, header.sequence);
      if (track !== undefined || this.#tracks.size < Limits.participantsMax)
        this.#tracks.set(header.participant, { key: quantised, keySequence: header.sequence, newest });
      return newest > header.sequence ? 'stale' : pose;
    }
    if (track === undefined || track.keySequence !== header.keySequence) return 'key_missing';
    if (header.sequence < track.newest) return 'stale';
    track.newest = header.sequence;
    return decodeMotion(payload, track.key).pose;
  }
}
