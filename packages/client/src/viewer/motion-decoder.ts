// MOTION frames to poses. Each participant's latest key is kept, and a delta is applied to it. A
// delta whose key is missing is not drawn; the next key, at most a second later, restores the pose.
import { decodeMotion, type FrameHeader, isKey, Limits, type Pose, type QuantisedPose } from '@hayate/protocol';

/** Why a frame gave no pose. */
export type MotionMiss = 'key_missing' | 'stale';

/** Decodes the poses of one epoch. */
export class MotionDecoder {
  readonly #tracks = new Map<number, { key: QuantisedPose; keySequence: number; newest: number }>();

  /**
   * The pose of a frame; throws WireError for an invalid payload. 'stale': a newer pose of the
   * participant was given before.
   */
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
