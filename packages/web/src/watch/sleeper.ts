// The avatar of a stream that is not live: it breathes and sleeps until a broadcast starts.
import { type Pose, Shapes } from '@hayate/client';
import { IdlePerformer, perform } from '@hayate/client/performer';

const idle = new IdlePerformer();
const shut = [Shapes.indexOf('eyeBlinkLeft'), Shapes.indexOf('eyeBlinkRight')];

/** The sleeping pose at `nowMs`: slow, with its eyes shut. */
export function sleepingPose(nowMs: number): Pose {
  const pose = perform(nowMs * 0.6, idle);
  for (const shape of shut) pose.shapes[shape] = 1;
  return pose;
}
