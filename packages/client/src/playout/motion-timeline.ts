// Poses by capture time, for each participant, and the pose at any moment between them. Bounded:
// the oldest poses are dropped.
import { createPose, Limits, type Pose } from '@hayate/protocol';
import { copyPose, interpolatePose } from './interpolate-pose.ts';

interface TimedPose {
  captureUs: number;
  pose: Pose;
}

/**
 * Poses kept for each participant: over a second of playout delay at 120 poses a second, or of a
 * replay at 4 x speed.
 */
const POSES_MAX = 768;
/**
 * A longer pause is not bridged: the avatar holds, then moves over the last part of this length.
 */
const BRIDGE_MAX_US = 500_000;

/** Poses of one epoch. */
export class MotionTimeline {
  readonly #tracks = new Map<number, TimedPose[]>();
  readonly #interpolate: boolean;

  /**
   * `interpolate` false: poseAt returns received poses, the newest at or before the time, for tests
   * that compare them.
   */
  constructor({ interpolate = true }: { interpolate?: boolean } = {}) {
    this.#interpolate = interpolate;
  }

  /** Participants with poses, ascending. */
  participants(): number[] {
    return [...this.#tracks.keys()].sort((a, b) => a - b);
  }

  /**
   * Adds a pose, which is kept and not copied. A pose older than the newest is inserted in order.
   */
  add(captureUs: number, pose: Pose, participant = 0): void {
    let track = this.#tracks.get(participant);
    if (track === undefined) {
      if (this.#tracks.size >= Limits.participantsMax) return;
      track = [];
      this.#tracks.set(participant, track);
    }
    let at = track.length;
    while (at > 0 && (track[at - 1]?.captureUs ?? 0) > captureUs) at--;
    track.splice(at, 0, { captureUs, pose });
    if (track.length > POSES_MAX) track.shift();
  }

  /**
   * Writes the participant's pose at `captureUs` into `into`: between its two neighbours, or the
   * first or last pose. False if the participant has none. Older poses are dropped, so later calls
   * must ask for later times.
   */
  poseAt(captureUs: number, into: Pose, participant = 0): boolean {
    const track = this.#tracks.get(participant);
    if (track === undefined) return false;
    while (track.length > 1 && (track[1]?.captureUs ?? Number.POSITIVE_INFINITY) <= captureUs) track.shift();
    const [before, after] = track;
    if (before === undefined) return false;
    if (after === undefined || captureUs <= before.captureUs || !this.#interpolate) copyPose(before.pose, into);
    else {
      const startUs = Math.max(before.captureUs, after.captureUs - BRIDGE_MAX_US);
      interpolatePose(before.pose, after.pose, Math.max(0, captureUs - startUs) / (after.captureUs - startUs), into);
    }
    return true;
  }

  /** Like poseAt, into a new pose; undefined if the participant has none. */
  newPoseAt(captureUs: number, participant = 0): Pose | undefined {
    const pose = createPose();
    return this.poseAt(captureUs, pose, participant) ? pose : undefined;
  }

  clear(): void {
    this.#tracks.clear();
  }
}
