// The frames from which a late joiner draws the stream at once: the latest HEADER and, for each
// participant and kind, the latest key and the latest delta over it (a delta applies to its key
// alone, so one is enough). The streamer and each listener keep one. The number of participants
// bounds its size.
import { hasKeys, isKey, Kind } from '@hayate/protocol';
import type { LiveEntry } from './live-entry.ts';

/**
 * Maximum number of tracks whose pose is kept. Frames of further tracks are not part of the group.
 */
const TRACKS_MAX = 256;

/** The current group of one epoch. */
export class CurrentGroup<Entry extends LiveEntry> {
  #header: Entry | undefined;
  readonly #tracks = new Map<number, { key: Entry; delta?: Entry }>();

  /** Takes the next frame. A frame that is not newer than the held ones changes nothing. */
  add(entry: Entry): void {
    const { kind, sequence, keySequence } = entry.header;
    if (kind === Kind.HEADER) {
      if (sequence >= (this.#header?.header.sequence ?? 0)) this.#header = entry;
      return;
    }
    if (!hasKeys(kind)) return;
    const id = trackOf(entry.header);
    const track = this.#tracks.get(id);
    if (isKey(entry.header)) {
      if (track === undefined ? this.#tracks.size < TRACKS_MAX : sequence > track.key.header.sequence) this.#tracks.set(id, { key: entry });
    } else if (
      track !== undefined &&
      keySequence === track.key.header.sequence &&
      sequence > (track.delta?.header.sequence ?? keySequence)
    ) {
      track.delta = entry;
    }
  }

  /** The latest HEADER, if there is one. */
  get header(): Entry | undefined {
    return this.#header;
  }

  /** The group in ascending order of sequence. */
  entries(): Entry[] {
    const entries = this.#header === undefined ? [] : [this.#header];
    for (const { key, delta } of this.#tracks.values()) {
      entries.push(key);
      if (delta !== undefined) entries.push(delta);
    }
    return entries.sort((a, b) => a.header.sequence - b.header.sequence);
  }
}

/** The number of a track: the frames of one participant and one kind. Kinds are below 128. */
export function trackOf(header: { participant: number; kind: number }): number {
  return header.participant * 128 + header.kind;
}
