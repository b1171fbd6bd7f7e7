// Head and eyes follow a pointer. In: positions with their times. The eyes arrive first, then the
// head; the chest follows a little. Each is a critically damped spring in closed form, so the pose
// depends on the positions alone and not on how often it is computed.
import type { Pose } from '@hayate/protocol';
import { clamp, degrees, turn } from './limb.ts';
import type { Performer } from './performer.ts';

/** Follows a target without overshoot: x(t) = target + (a + b t) e^(-rate t). */
class Spring {
  readonly #ratePerMs: number;
  #target = 0;
  #offset = 0;
  #slope = 0;
  #sinceMs = 0;

  /** Covers nine tenths of the way in about `settleMs`. */
  constructor(settleMs: number) {
    this.#ratePerMs = 3.89 / settleMs;
  }

  aim(target: number, timeMs: number): void {
    const elapsedMs = Math.max(0, timeMs - this.#sinceMs);
    const decay = Math.exp(-this.#ratePerMs * elapsedMs);
    const distance = (this.#offset + this.#slope * elapsedMs) * decay;
    const speed = this.#slope * decay - this.#ratePerMs * distance;
    this.#offset = this.#target + distance - target;
    this.#slope = speed + this.#ratePerMs * this.#offset;
    this.#target = target;
    this.#sinceMs = timeMs;
  }

  at(timeMs: number): number {
    const elapsedMs = Math.max(0, timeMs - this.#sinceMs);
    return this.#target + (this.#offset + this.#slope * elapsedMs) * Math.exp(-this.#ratePerMs * elapsedMs);
  }
}

/**
 * Follows a pointer like a mirror: a pointer on the right turns the head to the right of the
 * picture.
 */
export class PointerPerformer implements Performer {
  readonly #head = { x: new Spring(420), y: new Spring(420) };
  readonly #eyes = { x: new Spring(130), y: new Spring(130) };

  /**
   * Moves the pointer to (`x`, `y`), each from -1 (left, bottom) to 1 (right, top), at `timeMs`.
   * Times must not decrease.
   */
  point(x: number, y: number, timeMs: number): void {
    const [targetX, targetY] = [x, y].map((value) => (Number.isFinite(value) ? clamp(value, -1, 1) : 0)) as [number, number];
    for (const part of [this.#head, this.#eyes]) {
      part.x.aim(targetX, timeMs);
      part.y.aim(targetY, timeMs);
    }
  }

  /** The pointer has left: look ahead again. */
  leave(timeMs: number): void {
    this.point(0, 0, timeMs);
  }

  perform(timeMs: number, pose: Pose): void {
    const headX = clamp(this.#head.x.at(timeMs), -1, 1);
    const headY = clamp(this.#head.y.at(timeMs), -1, 1);
    // The eyes make up for the part that the head has not turned yet.
    const eyeX = clamp(this.#eyes.x.at(timeMs) - 0.6 * headX, -1, 1);
    const eyeY = clamp(this.#eyes.y.at(timeMs) - 0.6 * headY, -1, 1);
    turn(pose, 'upperChest', { yaw: degrees(5 * headX), pitch: degrees(-2 * headY) });
    turn(pose, 'neck', { yaw: degrees(9 * headX), pitch: degrees(-6 * headY) });
    turn(pose, 'head', { yaw: degrees(15 * headX), pitch: degrees(-10 * headY), roll: degrees(-3 * headX) });
    for (const eye of ['leftEye', 'rightEye'] as const) turn(pose, eye, { yaw: degrees(15 * eyeX), pitch: degrees(-9 * eyeY) });
  }
}
