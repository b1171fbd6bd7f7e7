// Audio objects as their readers know them: the tags of an Ogg Opus file that give its place in the
// broadcast, and the file that replaces an erased one. archiver/cut/segment-object.ts writes the
// others.
import { createHash } from 'node:crypto';
import { epochText } from '@hayate/protocol';
import { OggOpusWriter, type OpusTag, tagValue } from '../../format/ogg/index.ts';
import type { AudioName } from './path.ts';

/** Tag of the digest. */
export const OGG_DIGEST_TAG = 'HAYATE_DIGEST';

/** Tag of a file that replaces an erased segment. */
const OGG_ERASED_TAG = 'HAYATE_ERASED';

/** Pre-skip that hides the one packet of a file without voice: 2.5 ms at 48 kHz. */
const NOTHING_PRE_SKIP = 120;

/** The facts in an audio object's tags. */
export interface AudioFacts {
  /** Unix milliseconds of the first sample played. */
  startUnixMs: number;
  /** Duration that a player plays. */
  durationMs: number;
  firstSequence: number;
  lastSequence: number;
  /** Milliseconds of the duration that are concealment for missing packets. */
  concealedMs: number;
  title: string;
}

/**
 * Encodes the replacement for a segment whose broadcast has been erased. It has no voice, but keeps
 * the digest and, for chains, the serial number. It has one empty packet, hidden by pre-skip,
 * because no player accepts a file without packets.
 */
export function encodeErasedAudio(name: AudioName, digest: string): Uint8Array {
  const tags: OpusTag[] = [
    ['HAYATE_STREAM', name.stream],
    ['HAYATE_EPOCH', epochText(name.epoch)],
    [OGG_DIGEST_TAG, digest],
    [OGG_ERASED_TAG, '1'],
  ];
  return new OggOpusWriter({ serial: segmentSerial(name), channels: 1, preSkip: NOTHING_PRE_SKIP, tags }).end();
}

/** Whether the tags are those of an erased segment. */
export function isErasedAudio(tags: readonly OpusTag[]): boolean {
  return tagValue(tags, OGG_ERASED_TAG) === '1';
}

/** Reads the facts from an audio object's tags; undefined if they are not Hayate's. */
export function readAudioFacts(tags: readonly OpusTag[]): AudioFacts | undefined {
  const number = (name: string): number => Number(tagValue(tags, name) ?? Number.NaN);
  const facts = {
    startUnixMs: number('HAYATE_START_UNIX_US') / 1000,
    durationMs: number('HAYATE_PLAYED_SAMPLES') / 48,
    firstSequence: number('HAYATE_FIRST_SEQUENCE'),
    lastSequence: number('HAYATE_LAST_SEQUENCE'),
    concealedMs: number('HAYATE_CONCEALED_SAMPLES') / 48,
  };
  if (Object.values(facts).some(Number.isNaN)) return undefined;
  return { ...facts, title: tagValue(tags, 'TITLE') ?? '' };
}

/**
 * Returns the serial number of a segment's Ogg stream. It differs between the segments of a track,
 * because their first sequences do (RFC 3533 asks for unique serials in a chain).
 */
export function segmentSerial(name: Omit<AudioName, 'position'>): number {
  const track = JSON.stringify([name.stream, epochText(name.epoch), name.participant, name.late]);
  const base = createHash('sha256').update(track).digest().readUInt32LE();
  return (base + name.firstSequence) % 2 ** 32;
}
