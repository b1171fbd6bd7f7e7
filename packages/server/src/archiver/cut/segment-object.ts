// Encodes an audio segment as an object: an Ogg Opus file whose tags give its place in the
// broadcast.
import { epochStartedMs, epochText, OPUS_SAMPLE_RATE } from '@hayate/protocol';
import { OGG_DIGEST_TAG, segmentSerial } from '../../archive/layout/audio-object.ts';
import type { HeaderState } from '../../archive/layout/manifest.ts';
import { type AudioName, audioKey } from '../../archive/layout/path.ts';
import { logicalDigest } from '../../format/logical-digest.ts';
import { OggOpusWriter, type OpusTag } from '../../format/ogg/index.ts';
import { type AudioSegment, segmentPackets } from './audio-layout.ts';

/** The facts about a segment that it does not hold itself. */
interface AudioObjectOptions {
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

function* contentParts(description: string, packets: readonly Uint8Array[]): Iterable<string | Uint8Array> {
  yield description;
  yield* packets;
}
