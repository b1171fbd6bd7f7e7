// How servers forward and count each kind of frame, in one table. A new kind is added here, in
// frame.proto, in the spec's table and where clients read its payload, and nowhere else.
import { Kind } from './gen/hayate/v1/frame_pb.ts';

/** How servers treat frames of one kind. */
export interface KindTraits {
  /** The label in metrics. */
  readonly name: string;
  /** A slow viewer may lose frames of this kind. */
  readonly droppable: boolean;
  /**
   * Its frames are keys and deltas over them. The newest key and delta of a participant are enough.
   */
  readonly keyed: boolean;
  /** The archive's statistics count the kind as `<column>_frames` and `<column>_bytes`. */
  readonly column: 'header' | 'audio' | 'motion' | 'event' | 'game' | 'other';
}

/** The largest number of a kind. */
export const KIND_MAX = 127;

/** The first number of the applications' own kinds. */
const CUSTOM_FIRST = 64;

const custom: KindTraits = { name: 'CUSTOM', droppable: false, keyed: false, column: 'other' };

const traits: (KindTraits | undefined)[] = [];
traits[Kind.HEADER] = { name: 'HEADER', droppable: false, keyed: false, column: 'header' };
traits[Kind.AUDIO] = { name: 'AUDIO', droppable: true, keyed: false, column: 'audio' };
traits[Kind.MOTION] = { name: 'MOTION', droppable: true, keyed: true, column: 'motion' };
traits[Kind.EVENT] = { name: 'EVENT', droppable: false, keyed: false, column: 'event' };
traits[Kind.GAME] = { name: 'GAME', droppable: true, keyed: true, column: 'game' };
for (let kind = CUSTOM_FIRST; kind <= KIND_MAX; kind++) traits[kind] = custom;

/** Whether frames of this kind may exist. */
export function isKind(kind: number): boolean {
  return traits[kind] !== undefined;
}

/** The traits of a kind. A kind that may not exist has the traits of an application's own kind. */
export function kindTraits(kind: number): KindTraits {
  return traits[kind] ?? custom;
}

/**
 * Whether a slow viewer may lose frames of this kind. True for voice and poses, false for headers,
 * events and applications' own kinds.
 */
export function isDroppable(kind: number): boolean {
  return kindTraits(kind).droppable;
}

/** Whether frames of this kind are keys and deltas over them. */
export function hasKeys(kind: number): boolean {
  return kindTraits(kind).keyed;
}
