// Encodes an audio segment as an object: an Ogg Opus file whose tags give its place in the
// broadcast. Reads these tags back.
import { createHash } from 'node:crypto';
import { epochStartedMs, epochText, OPUS_SAMPLE_RATE } from '@hayate/protocol';
import { logicalDigest } from '../format/logical-digest.ts';
import { OggOpusWriter, type OpusTag, tagValue } from '../format/ogg/index.ts';
import { type AudioSegment, segmentPackets } from './audio-layout.ts';
import type { HeaderState } from './manifest.ts';
import { type AudioName, audioKey } from './path.ts';

/** Tag of the digest. */
export const OGG_DIGEST_TAG = 'HAYATE_DIGEST';

/** Tag of a file that replaces an erased segment. */
export const OGG_ERASED_TAG = 'HAYATE_ERASED';

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

/** The facts about a segment that it does not hold itself. */
export interface AudioObjectOptions {
  name: Omit<AudioName, 'firstSequence' | 'position'>;
  header: HeaderState | undefined;
}

/** The key of a segment's object. */
export function segmentKey({ name }: AudioObjectOptions, segment: AudioSegment): string {
  return audioKey({ ...name, firstSequence: segment.firstSequence, position: segment.position });
}

/** Encodes a segment. */
export function encodeAudioObject(options: AudioObjectOptions, segment: AudioSegment): { bytes: Uint8Array; digest: string } {
  const { name, header } = options;
  // At the start of the voice the encoder's delay is hidden; elsewhere exactly the pre-roll is
  // hidden.
  const codecDelay = header?.preSkip ?? 0;
  const preSkip = segment.position === 0 && !name.late ? codecDelay : segment.prerollSamples;
  const packets = segmentPackets(segment);
  const channels = header?.channels ?? ((packets[0]?.[0] ?? 0) & 4 ? 2 : 1);
  const head = { channels, preSkip, inputSampleRate: header?.inputSampleRate ?? OPUS_SAMPLE_RATE };
  const tags = [...describe(options, segment, preSkip, codecDelay)];
  const digest = logicalDigest(contentParts(JSON.stringify([head, tags]), packets));
  const serial = segmentSerial({ ...name, firstSequence: segment.firstSequence });
  const writer = new OggOpusWriter({ ...head, serial, tags: [...tags, [OGG_DIGEST_TAG, digest]] });
  for (const packet of packets) writer.write(packet);
  return { bytes: writer.end(), digest };
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

function* describe({ name, header }: AudioObjectOptions, segment: AudioSegment, preSkip: number, codecDelay: number): Iterable<OpusTag> {
  const known = header !== undefined && header.originUnixUs > 0;
  const originUs = known ? header.originUnixUs : epochStartedMs(name.epoch) * 1000;
  // The sound at a packet's position was captured `codecDelay` earlier.
  const firstPlayed = segment.position - segment.prerollSamples + preSkip;
  const startUs = originUs + Math.round(((firstPlayed - codecDelay) * 1_000_000) / OPUS_SAMPLE_RATE);
  if (header !== undefined && header.title !== '') yield ['TITLE', header.title];
  yield ['ARTIST', name.stream];
  const start = new Date(startUs / 1000);
  if (!Number.isNaN(start.getTime())) yield ['DATE', start.toISOString()];
  yield ['HAYATE_STREAM', name.stream];
  yield ['HAYATE_EPOCH', epochText(name.epoch)];
  yield ['HAYATE_PARTICIPANT', String(name.participant)];
  if (name.late) yield ['HAYATE_LATE', '1'];
  yield ['HAYATE_FIRST_SEQUENCE', String(segment.firstSequence)];
  yield ['HAYATE_LAST_SEQUENCE', String(segment.lastSequence)];
  yield ['HAYATE_POSITION', String(segment.position)];
  yield ['HAYATE_PREROLL_SAMPLES', String(segment.prerollSamples)];
  yield ['HAYATE_PLAYED_SAMPLES', String(Math.max(0, segment.prerollSamples + segment.samples - preSkip))];
  yield ['HAYATE_CONCEALED_SAMPLES', String(segment.concealedSamples)];
  yield ['HAYATE_GAP_SAMPLES', String(segment.holeSamples)];
  yield ['HAYATE_START_UNIX_US', String(startUs)];
  yield ['HAYATE_CLOCK', known ? 'broadcaster' : 'epoch'];
  if (known) yield ['HAYATE_CLOCK_UNCERTAINTY_US', String(header.originErrorUs)];
}

/**
 * Differs between the segments of a track, because their first sequences do (RFC 3533 asks for
 * unique serials in a chain).
 */
function segmentSerial(name: Omit<AudioName, 'position'>): number {
  const track = JSON.stringify([name.stream, epochText(name.epoch), name.participant, name.late]);
  const base = createHash('sha256').update(track).digest().readUInt32LE();
  return (base + name.firstSequence) % 2 ** 32;
}

function* contentParts(description: string, packets: readonly Uint8Array[]): Iterable<string | Uint8Array> {
  yield description;
  yield* packets;
}
