// What each kind of frame is to those who pass frames on: one table, so that a kind is added here, in frame.proto, in the
// spec's table and where clients read its payload, and nowhere else.
import { Kind } from './gen/hayate/v1/frame_pb.ts';

/** How servers treat frames of one kind. */
export interface KindTraits {
  /** As metrics label it. */
  readonly name: string;
  /** A slow viewer may lose frames of this kind. */
  readonly droppable: boolean;
  /** Its frames are keys, and deltas over them: of a participant the newest of each is enough. */
  readonly keyed: boolean;
  /** The archive's statistics count it as `<column>_frames` and `<column>_bytes`. */
  readonly column: 'header' | 'audio' | 'motion' | 'event' | 'game' | 'other';
}

/** The largest number of a kind. */
export const KIND_MAX = 127;

/** Users' own kinds begin here. */
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

/** The traits of a kind; those of users' own kinds for a kind that may not exist. */
export function kindTraits(kind: number): KindTraits {
  return traits[kind] ?? custom;
}

/** Whether a slow viewer may lose frames of this kind: voice and poses, never headers, events or users' own kinds. */
export function isDroppable(kind: number): boolean {
  return kindTraits(kind).droppable;
}

/** Whether frames of this kind are keys, and deltas over them. */
export function hasKeys(kind: number): boolean {
  return kindTraits(kind).keyed;
}
