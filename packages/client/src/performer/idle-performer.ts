// The motion of a body at rest: it breathes, sways, blinks and looks about, with its arms at its
// sides. In: a seed and a time. Out: a pose that depends on these alone, so moments can be computed
// in any order.
import { type BoneName, Bones, type Pose } from '@hayate/protocol';
import { clamp, degrees, raise, turn } from './limb.ts';
import { chance, ease, mix, smoothNoise } from './noise.ts';
import type { Performer } from './performer.ts';

const BREATH_MS = 4_200;
const BLINK_EVERY_MS = 3_800;
const BLINK_CLOSE_MS = 70;
const BLINK_SHUT_MS = 40;
const BLINK_OPEN_MS = 150;
const GAZE_EVERY_MS = 1_700;
const SACCADE_MS = 60;

/** Independent random tracks from one seed. */
const Track = { yaw: 1, pitch: 2, roll: 3, body: 4, blink: 5, blinkTwice: 6, gazeTime: 7, gazeYaw: 8, gazePitch: 9, hold: 10 } as const;

const fingers = Bones.filter((name) => /(Index|Middle|Ring|Little)/.test(name));

/** Breathing, sway, blinks and gaze. */
export class IdlePerformer implements Performer {
  readonly #seed: number;

  /** `seed`: any 32-bit integer; the same seed always gives the same motion. */
  constructor(seed = 1) {
    this.#seed = seed | 0;
  }

  perform(timeMs: number, pose: Pose): void {
    restArms(pose);
    this.#breathe(timeMs, pose);
    this.#sway(timeMs, pose);
    this.#blink(timeMs, pose);
    this.#look(timeMs, pose);
  }

  #breathe(timeMs: number, pose: Pose): void {
    const lungs = (1 - Math.cos((timeMs / BREATH_MS) * 2 * Math.PI)) / 2;
    turn(pose, 'chest', { pitch: degrees(-1.2 * lungs) });
    turn(pose, 'neck', { pitch: degrees(0.8 * lungs) });
    turn(pose, 'leftShoulder', { roll: degrees(1.5 * lungs) });
    turn(pose, 'rightShoulder', { roll: degrees(-1.5 * lungs) });
    pose.hips[1] = (pose.hips[1] ?? 0) + 0.003 * (lungs - 0.5);
  }

  #sway(timeMs: number, pose: Pose): void {
    const drift = (track: number, slowMs: number, quickMs: number) =>
      0.75 * smoothNoise(this.#seed, track, timeMs / slowMs) + 0.25 * smoothNoise(this.#seed, track + 100, timeMs / quickMs);
    const yaw = drift(Track.yaw, 2_600, 900);
    const pitch = drift(Track.pitch, 3_100, 1_100);
    const roll = drift(Track.roll, 3_700, 1_500);
    const body = smoothNoise(this.#seed, Track.body, timeMs / 4_700);
    turn(pose, 'spine', { yaw: degrees(1.5 * body), roll: degrees(1.8 * body) });
    turn(pose, 'neck', { yaw: degrees(2.5 * yaw), pitch: degrees(1.5 * pitch), roll: degrees(1.5 * roll) });
    turn(pose, 'head', { yaw: degrees(4 * yaw), pitch: degrees(2.5 * pitch), roll: degrees(3 * roll) });
    pose.hips[0] = (pose.hips[0] ?? 0) - 0.008 * body;
  }

  #blink(timeMs: number, pose: Pose): void {
    const slot = Math.floor(timeMs / BLINK_EVERY_MS);
    const sinceMs = timeMs - (slot + 0.1 + 0.6 * chance(this.#seed, Track.blink, slot)) * BLINK_EVERY_MS;
    const again = chance(this.#seed, Track.blinkTwice, slot) < 0.15 ? lidClosure(sinceMs - 320) : 0;
    const shut = Math.max(lidClosure(sinceMs), again);
    raise(pose, 'eyeBlinkLeft', shut);
    raise(pose, 'eyeBlinkRight', shut);
  }

  #look(timeMs: number, pose: Pose): void {
    const slot = Math.floor(timeMs / GAZE_EVERY_MS);
    const from = this.#gaze(slot - 1);
    const to = this.#gaze(slot);
    const startMs = (slot + 0.5 * chance(this.#seed, Track.gazeTime, slot)) * GAZE_EVERY_MS;
    const moved = ease((timeMs - startMs) / SACCADE_MS);
    const yaw = mix(from.yaw, to.yaw, moved);
    const pitch = mix(from.pitch, to.pitch, moved);
    for (const eye of ['leftEye', 'rightEye'] as const) turn(pose, eye, { yaw, pitch });
  }

  /** Where the eyes rest in a slot: mostly ahead, at the viewer. */
  #gaze(slot: number): { yaw: number; pitch: number } {
    if (chance(this.#seed, Track.hold, slot) < 0.45) return { yaw: 0, pitch: 0 };
    const yaw = degrees(16 * (chance(this.#seed, Track.gazeYaw, slot) - 0.5));
    const pitch = degrees(8 * (chance(this.#seed, Track.gazePitch, slot) - 0.5));
    return { yaw, pitch };
  }
}

/** Lets the arms of the T-pose hang, elbows and fingers slightly bent. */
function restArms(pose: Pose): void {
  const mirrored = (left: BoneName, right: BoneName, { yaw, roll }: { yaw: number; roll: number }) => {
    turn(pose, left, { yaw: degrees(-yaw), roll: degrees(-roll) });
    turn(pose, right, { yaw: degrees(yaw), roll: degrees(roll) });
  };
  mirrored('leftUpperArm', 'rightUpperArm', { yaw: 4, roll: 71 });
  mirrored('leftLowerArm', 'rightLowerArm', { yaw: 14, roll: 3 });
  mirrored('leftHand', 'rightHand', { yaw: 0, roll: 4 });
  for (const finger of fingers) turn(pose, finger, { roll: degrees(finger.startsWith('left') ? -13 : 13) });
}

/** How far the lids are shut, `sinceMs` after a blink began. */
function lidClosure(sinceMs: number): number {
  const closing = ease(sinceMs / BLINK_CLOSE_MS);
  const opening = ease((sinceMs - BLINK_CLOSE_MS - BLINK_SHUT_MS) / BLINK_OPEN_MS);
  return clamp(closing - opening, 0, 1);
}
