// The types of the JSON files of spec/vectors that are not encoded messages, as tests read them.

/**
 * A rotation in the wire's axes on a bone whose rest pose has rotations; quaternions x, y, z, w.
 */
export type BonePose = {
  readonly vrm: readonly number[];
  readonly initialLocal: readonly number[];
  readonly initialRoot: readonly number[];
  readonly local: readonly number[];
};

type Direction = { readonly from: readonly number[]; readonly to: readonly number[] };

/** unity-pose.json. */
export type UnityPoses = {
  readonly rotations: readonly {
    readonly vrm: readonly number[];
    readonly unity: readonly number[];
    readonly directions: readonly { readonly vrm: Direction; readonly unity: Direction }[];
  }[];
  readonly positions: readonly { readonly vrm: readonly number[]; readonly unity: readonly number[] }[];
  readonly ownBones: readonly BonePose[];
};

/** matrix-pose.json: 16 numbers, column by column. */
export type MatrixPoses = {
  readonly poses: readonly {
    readonly rotation: readonly number[];
    readonly position: readonly number[];
    readonly columns: readonly number[];
  }[];
  readonly ownBones: readonly BonePose[];
};

/** unity-bone.json. */
export type UnityBones = {
  readonly bones: readonly { readonly index: number; readonly bone: string; readonly humanBodyBone: string; readonly value: number }[];
};

/** face-shape.json. */
export type FaceShapes = {
  readonly mediaPipe: readonly string[];
  readonly shapes: readonly {
    readonly index: number;
    readonly shape: string;
    readonly arkit: string;
    readonly mediaPipe: number | null;
    readonly expression: string;
  }[];
};

/** A clock's reading: a position in 48 kHz samples, and its capture time in microseconds. */
type Heard = { readonly position: number; readonly captureUs: number };

/** playback-clock.json. */
export type PlaybackClocks = {
  readonly frame: Heard;
  readonly unity: readonly (Heard & { readonly dspTime: number; readonly anchorDspTime: number; readonly anchorPosition: number })[];
  readonly android: readonly (Heard & {
    readonly framePosition: number;
    readonly nanoTime: number;
    readonly nowNanos: number;
    readonly sampleRate: number;
    readonly firstPosition: number;
  })[];
  readonly apple: readonly (Heard & {
    readonly sampleTime: number;
    readonly hostTime: number;
    readonly nowHostTime: number;
    readonly sampleRate: number;
    readonly timebase: { readonly numer: number; readonly denom: number };
    readonly firstPosition: number;
    readonly elapsedNanos: number;
  })[];
};

/** opus-head.json: buffers in hexadecimal. */
export type OpusHeads = {
  readonly configurations: readonly {
    readonly audio: { readonly channels: number; readonly preSkip: number; readonly inputSampleRate: number };
    readonly 'csd-0': string;
    readonly 'csd-1': string;
    readonly 'csd-2': string;
  }[];
};

/** text-clean.json. */
export type TextClean = {
  readonly texts: readonly {
    readonly about: string;
    readonly input: string;
    readonly line: string;
    readonly lines: string;
    readonly units: readonly number[];
  }[];
};
