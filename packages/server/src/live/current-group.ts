// The frames from which a late joiner draws the stream at once: the latest HEADER and, for each participant and kind,
// the latest key and the latest delta over it (deltas apply to their key alone, so one is enough). Kept by the streamer
// and by each listener; its size is bounded by the participants.
import { hasKeys, isKey, Kind } from '@hayate/protocol';
import type { LiveEntry } from './live-entry.ts';

/** Participants whose pose is kept; frames of more than these are not part of the group. */
const TRACKS_MAX = 256;

/** The current group of one epoch. */
export class CurrentGroup<Entry extends LiveEntry> {
  #header: Entry | undefined;
  readonly #tracks = new Map<number, { key: Entry; delta?: Entry }>();

  /** Takes the next frame; one that is not newer than what is held changes nothing. */
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

  /** The latest HEADER, if one has come. */
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

/** A participant's frames of one kind are a track: its number. Kinds are below 128. */
export function trackOf(header: { participant: number; kind: number }): number {
  return header.participant * 128 + header.kind;
}
