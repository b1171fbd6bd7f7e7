// Finds the segments of one voice by their names, and reads those that a stretch of the timeline
// needs. Clock times are found by binary search, so a long broadcast costs few requests.
import { epochFromText, epochText } from '@hayate/protocol';
import { OggError, type OggOpusLink, readOggOpus, tagValue } from '../../format/ogg/index.ts';
import { HayateError } from '../../kernel/error.ts';
import { firstKey } from '../../store/first-key.ts';
import type { Store } from '../../store/store.ts';
import { isErasedAudio } from '../layout/audio-object.ts';
import type { BroadcastName } from '../layout/broadcast-name.ts';
import { type AudioName, audioPrefix, parseAudioKey } from '../layout/path.ts';
import { type PlacedPacket, placePackets } from './export-timeline.ts';

/** A segment, identified by its name. */
export interface VoiceSegment extends AudioName {
  key: string;
}

/** One participant's voice in one broadcast. */
export interface Voice {
  /** In order of position. */
  onTime: VoiceSegment[];
  /** In order of position. */
  late: VoiceSegment[];
}

/** A segment that has been read. */
export interface ReadSegment {
  link: OggOpusLink;
  /** Including the pre-roll. */
  packets: PlacedPacket[];
  /** Unix microseconds at which the sound at `position` was captured. */
  unixUsAt(position: number): number;
}

/** Returns the epochs of the stream that have audio objects, newest first; 16 hex digits each. */
export async function listVoiceEpochs(store: Store, stream: string): Promise<string[]> {
  const epochs: string[] = [];
  for (let after = ''; ; ) {
    const epoch = (await firstKey(store, audioPrefix(stream), after))?.split('/')[2];
    if (epoch === undefined) return epochs.reverse();
    epochs.push(epoch);
    // '~' sorts after every character of a key.
    after = `${audioPrefix(stream)}${epoch}/~`;
  }
}

/** Returns a participant's segments. */
export async function listVoice(store: Store, { stream, epoch }: BroadcastName, participant: number): Promise<Voice> {
  const voice: Voice = { onTime: [], late: [] };
  for await (const { key } of store.list(audioPrefix(stream, epochFromText(epoch)))) {
    const name = parseAudioKey(key);
    if (name?.participant === participant) voice[name.late ? 'late' : 'onTime'].push({ ...name, key });
  }
  const byPosition = (a: VoiceSegment, b: VoiceSegment) => a.position - b.position;
  return { onTime: voice.onTime.sort(byPosition), late: voice.late.sort(byPosition) };
}

/** Reads a segment, strictly. Throws GONE if it was erased or deleted meanwhile, CORRUPT. */
export async function readSegment(store: Store, { key, stream, epoch, position }: VoiceSegment): Promise<ReadSegment> {
  const bytes = await store.get(key);
  if (bytes === undefined) throw new HayateError('GONE', `${key} is no longer kept`);
  const [link] = parse(key, bytes);
  if (link === undefined || isErasedAudio(link.tags))
    throw new HayateError('GONE', `the broadcast ${stream}/${epochText(epoch)} has been erased`);
  const tag = (name: string) => {
    const value = Number(tagValue(link.tags, name) ?? Number.NaN);
    if (Number.isSafeInteger(value)) return value;
    throw new HayateError('CORRUPT', `${key}: the tag ${name} is missing or wrong`);
  };
  const first = position - tag('HAYATE_PREROLL_SAMPLES');
  const startUs = tag('HAYATE_START_UNIX_US');
  const packets = placePackets(
    link.packets.map(({ data }) => data),
    first,
  );
  return { link, packets, unixUsAt: (at) => startUs + Math.round(((at - first - link.head.preSkip) * 1_000_000) / 48_000) };
}

/**
 * Returns the position that was captured at `unixMs`, even in a hole; undefined after the end of
 * the voice.
 */
export async function positionAt(store: Store, { onTime }: Voice, unixMs: number): Promise<number | undefined> {
  // The last segment that begins before that time.
  let near = -1;
  for (let far = onTime.length; near + 1 < far; ) {
    const middle = (near + far) >> 1;
    const segment = onTime[middle];
    if (segment === undefined) break;
    if ((await readSegment(store, segment)).unixUsAt(segment.position) <= unixMs * 1000) near = middle;
    else far = middle;
  }
  const segment = onTime[near];
  const next = onTime[near + 1]?.position;
  if (segment === undefined) return next;
  const { packets, unixUsAt } = await readSegment(store, segment);
  const position = segment.position + Math.round(((unixMs * 1000 - unixUsAt(segment.position)) * 48_000) / 1_000_000);
  const end = packets.reduce((sum, { samples }) => sum + samples, packets[0]?.position ?? 0);
  return position < end ? position : next === undefined ? undefined : Math.min(position, next);
}

function parse(key: string, bytes: Uint8Array): OggOpusLink[] {
  try {
    return readOggOpus(bytes);
  } catch (cause) {
    if (cause instanceof OggError) throw new HayateError('CORRUPT', `${key} cannot be read: ${cause.message}`, { cause });
    throw cause;
  }
}
