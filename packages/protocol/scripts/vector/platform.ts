// The vectors that are not encoded messages: decoded values as platforms represent them. Output:
// JSON files by name, for spec/vectors. They are ASCII, because editors hide, reorder or normalise
// some of the characters in their texts.
import { matrixPose, unityBone, unityPose } from './axes.ts';
import { faceShape } from './face-shape.ts';
import { opusHeads, playbackClock } from './playback.ts';
import { textClean } from './text.ts';

const files: Readonly<Record<string, unknown>> = {
  'face-shape.json': faceShape,
  'matrix-pose.json': matrixPose,
  'opus-head.json': opusHeads,
  'playback-clock.json': playbackClock,
  'text-clean.json': textClean,
  'unity-bone.json': unityBone,
  'unity-pose.json': unityPose,
};

/** JSON in which every code unit beyond ASCII is an escape. */
const asciiJson = (value: unknown): string =>
  JSON.stringify(value, undefined, 1).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Each file's content by its name. */
export const platformVectors: ReadonlyMap<string, Uint8Array> = new Map(
  Object.entries(files).map(([name, value]) => [name, Buffer.from(`${asciiJson(value)}\n`)]),
);
