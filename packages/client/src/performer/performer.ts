// One performer moves a part of the avatar; several, in order, make a whole pose. Each adds to the
// pose it gets: it turns bones further and raises shapes. The result has unit quaternions and
// weights in [0, 1].
import { createPose, type Pose } from '@hayate/protocol';

/** Something that moves an avatar. */
export interface Performer {
  /** Adds its part at `timeMs` (milliseconds of the application's monotonic clock) to `pose`. */
  perform(timeMs: number, pose: Pose): void;
}

/** The pose that `performers` make together at `timeMs`, applied in order to the rest pose. */
export function perform(timeMs: number, ...performers: readonly Performer[]): Pose {
  const pose = createPose();
  for (const performer of performers) performer.perform(timeMs, pose);
  return pose;
}
