// Checks an Ogg segment's key, serial number, headers and every tag. Each expected value is
// computed here from the frames, the header in force and the packets, not taken from the writer.
import { createHash } from 'node:crypto';
import { epochStartedMs, epochText, OPUS_SAMPLE_RATE } from '@hayate/protocol';
import type { OpusTag } from '../../format/ogg/index.ts';
import { audioKey } from '../layout/path.ts';
import type { AudioContent, BroadcastContent } from './broadcast-content.ts';

/** The facts found in its packets. */
interface SegmentFacts {
  prerollSamples: number;
  concealedSamples: number;
  /** Sequences of the frames in it. */
  taken: readonly number[];
}

/** Checks a segment's headers and tags. */
export function checkSegmentTags(
  { key, name, link }: AudioContent,
  { prerollSamples, concealedSamples, taken }: SegmentFacts,
  { header }: BroadcastContent,
  wrong: (expected: string, found: string) => void,
): void {
  const epoch = epochText(name.epoch);
  const track = JSON.stringify([name.stream, epoch, name.participant, name.late]);
  const serial = (createHash('sha256').update(track).digest().readUInt32LE() + name.firstSequence) % 2 ** 32;
  if (link.serial !== serial) wrong(`serial number ${serial}`, `${link.serial}`);
  if (audioKey(name) !== key) wrong(`the key ${audioKey(name)}`, key);
  if (link.startGranule !== 0 || link.endTrim !== 0)
    wrong('granule positions from 0, nothing trimmed', `from ${link.startGranule}, ${link.endTrim} trimmed`);
  const codecDelay = header?.preSkip ?? 0;
  const preSkip = name.position === 0 && !name.late ? codecDelay : prerollSamples;
  if (link.head.preSkip !== preSkip) wrong(`pre-skip ${preSkip}`, `${link.head.preSkip}`);
  const isStereo = ((link.packets[0]?.data[0] ?? 0) & 4) !== 0;
  const channels = header?.channels ?? (isStereo ? 2 : 1);
  const inputSampleRate = header?.inputSampleRate ?? OPUS_SAMPLE_RATE;
  if (link.head.channels !== channels || link.head.inputSampleRate !== inputSampleRate || link.head.outputGain !== 0)
    wrong(`${channels} channels of ${inputSampleRate} Hz without gain`, JSON.stringify(link.head));

  const isKnown = header !== undefined && header.originUnixUs > 0;
  const originUs = isKnown ? header.originUnixUs : epochStartedMs(name.epoch) * 1000;
  const startUs = originUs + Math.round(((name.position - prerollSamples + preSkip - codecDelay) * 1_000_000) / OPUS_SAMPLE_RATE);
  const date = new Date(startUs / 1000);
  const expected: (OpusTag | undefined)[] = [
    header === undefined || header.title === '' ? undefined : ['TITLE', header.title],
    ['ARTIST', name.stream],
    Number.isNaN(date.getTime()) ? undefined : ['DATE', date.toISOString()],
    ['HAYATE_STREAM', name.stream],
    ['HAYATE_EPOCH', epoch],
    ['HAYATE_PARTICIPANT', String(name.participant)],
    name.late ? ['HAYATE_LATE', '1'] : undefined,
    ['HAYATE_FIRST_SEQUENCE', String(taken.reduce((a, b) => Math.min(a, b), Infinity))],
    ['HAYATE_LAST_SEQUENCE', String(taken.reduce((a, b) => Math.max(a, b), -Infinity))],
    ['HAYATE_POSITION', String(name.position)],
    ['HAYATE_PREROLL_SAMPLES', String(prerollSamples)],
    ['HAYATE_PLAYED_SAMPLES', String(link.playedSamples)],
    ['HAYATE_CONCEALED_SAMPLES', String(concealedSamples)],
    ['HAYATE_START_UNIX_US', String(startUs)],
    ['HAYATE_CLOCK', isKnown ? 'broadcaster' : 'epoch'],
    isKnown ? ['HAYATE_CLOCK_UNCERTAINTY_US', String(header.originErrorUs)] : undefined,
  ];
  const wanted = new Map(expected.filter((tag) => tag !== undefined));
  // These are checked with the segment before, and with the content.
  const others = new Set(['HAYATE_GAP_SAMPLES', 'HAYATE_DIGEST']);
  for (const [tag, value] of link.tags) {
    if (others.delete(tag)) continue;
    if (wanted.get(tag) !== value) wrong(`${tag}=${wanted.get(tag)}`, value);
    wanted.delete(tag);
  }
  for (const tag of [...wanted.keys(), ...others]) wrong(`a tag ${tag}`, 'none');
  if (name.firstSequence !== taken.reduce((a, b) => Math.min(a, b), Infinity))
    wrong('the lowest sequence in the key', `${name.firstSequence}`);
}
