// The voice of one broadcast in one cut: its AUDIO frames and its Ogg segments in, what does not agree out. Every packet of
// every frame must lie in a segment at its position, or its frame be displaced; what else a segment holds must be
// concealment. Works from positions alone, not by the archiver's own layout.
import { createHash } from 'node:crypto';
import { fromBinary } from '@bufbuild/protobuf';
import { AudioSchema, epochFromText, epochStartedMs, epochText, Kind, Limits, OPUS_SAMPLE_RATE, opusPacketSamples } from '@hayate/protocol';
import { tagValue } from '../../format/ogg/index.ts';
import type { BroadcastName } from '../broadcast-order.ts';
import type { FrameRow } from '../frame-row.ts';
import type { EpochState } from '../manifest.ts';
import { audioKey } from '../path.ts';
import type { AudioContent } from './cut-content.ts';
import type { Report } from './finding.ts';

/** A voice frame whose payload can be read. */
interface VoiceFrame {
  row: FrameRow;
  packets: readonly Uint8Array[];
  samples: number;
}

/** What is known of a broadcast besides its objects. */
export interface VoiceContext {
  name: BroadcastName;
  before: EpochState | undefined;
  after: EpochState | undefined;
  prerollMs: number;
  report: Report;
}

/** Frames that came late, and that have no place: what statistics should count. */
export interface VoiceCounts {
  late: number;
  displaced: number;
}

/** The packets of an AUDIO frame; undefined if its payload cannot be read. */
export function readVoice(row: FrameRow): { packets: Uint8Array[]; level: number | undefined; samples: number } | undefined {
  try {
    const { packets, level } = fromBinary(AudioSchema, row.frame.subarray(row.payload_offset, row.payload_offset + row.payload_length));
    const samples = packets.reduce((sum, packet) => sum + opusPacketSamples(packet), 0);
    return samples === 0 ? undefined : { packets, level, samples };
  } catch {
    return undefined;
  }
}

/** Checks a broadcast's segments of one cut against its frames. */
export function checkVoice(rows: readonly FrameRow[], segments: readonly AudioContent[], context: VoiceContext): VoiceCounts {
  const counts = { late: 0, displaced: 0 };
  const voices = new Map<number, VoiceFrame[]>();
  for (const row of rows) {
    const voice = row.kind === Kind.AUDIO ? readVoice(row) : undefined;
    if (voice === undefined) continue;
    if (row.participant >= Limits.participantsMax || row.position + voice.samples > Limits.numberMax) counts.displaced++;
    else voices.set(row.participant, [...(voices.get(row.participant) ?? []), { row, ...voice }]);
  }
  const participants = new Set([...voices.keys(), ...segments.map(({ name }) => name.participant)]);
  for (const participant of participants) {
    const own = segments.filter(({ name }) => name.participant === participant);
    const frames = voices.get(participant) ?? [];
    const position = context.before?.tracks.find((track) => track.participant === participant)?.position ?? 0;
    const late = frames.filter(({ row }) => row.position < position);
    const onTime = frames.filter(({ row }) => row.position >= position);
    counts.late += late.length;
    counts.displaced += checkLane(
      onTime,
      own.filter(({ name }) => !name.late),
      context,
    );
    counts.displaced += checkLane(
      late,
      own.filter(({ name }) => name.late),
      context,
    );
    checkTrack(
      participant,
      position,
      own.filter(({ name }) => !name.late),
      context,
    );
  }
  return counts;
}

interface Placed {
  data: Uint8Array;
  samples: number;
  claimed: boolean;
}

/** Checks packets and tags of the segments of one lane; returns how many frames have no place in them. */
function checkLane(frames: readonly VoiceFrame[], segments: readonly AudioContent[], context: VoiceContext): number {
  const { report } = context;
  let unplaced = frames.toSorted((a, b) => a.row.position - b.row.position || a.row.sequence - b.row.sequence);
  for (const segment of segments.toSorted((a, b) => a.name.position - b.name.position)) {
    const { key, link } = segment;
    const tag = (name: string) => Number(tagValue(link.tags, name) ?? Number.NaN);
    const { body, prerollSamples } = splitPreroll(segment);
    if (prerollSamples !== tag('HAYATE_PREROLL_SAMPLES'))
      report({ rule: 'audio', key, expected: `${tag('HAYATE_PREROLL_SAMPLES')} samples of pre-roll`, found: `${prerollSamples}` });
    const placed = new Map<number, Placed>();
    let position = segment.name.position;
    for (const { data, samples } of body) {
      placed.set(position, { data, samples, claimed: false });
      position += samples;
    }
    const sequences: number[] = [];
    const left: VoiceFrame[] = [];
    for (const frame of unplaced) {
      if (claim(frame, placed)) sequences.push(frame.row.sequence);
      else left.push(frame);
    }
    unplaced = left;
    const concealment = [...placed.values()].filter(({ claimed }) => !claimed);
    if (concealment.some(({ data }) => data.length !== 1))
      report({ rule: 'audio', key, expected: 'packets of the frames, and concealment', found: 'a packet that no frame has' });
    const concealed = concealment.reduce((sum, { samples }) => sum + samples, 0);
    const range = `${Math.min(...sequences)} to ${Math.max(...sequences)}`;
    const tagged = `${tag('HAYATE_FIRST_SEQUENCE')} to ${tag('HAYATE_LAST_SEQUENCE')}`;
    if (concealed !== tag('HAYATE_CONCEALED_SAMPLES') || tag('HAYATE_PLAYED_SAMPLES') !== link.playedSamples)
      report({ rule: 'audio', key, expected: `${concealed} samples concealed, ${link.playedSamples} played`, found: 'other tags' });
    if (range !== tagged) report({ rule: 'audio', key, expected: `sequences ${range}`, found: tagged });
    checkHeaders(segment, prerollSamples, context);
  }
  return unplaced.length;
}

/** Takes a frame's packets where they lie; false, and nothing is taken, if they do not lie there. */
function claim({ row, packets }: VoiceFrame, placed: ReadonlyMap<number, Placed>): boolean {
  const own: Placed[] = [];
  let position = row.position;
  for (const packet of packets) {
    const there = placed.get(position);
    if (there === undefined || there.claimed || Buffer.compare(there.data, packet) !== 0) return false;
    own.push(there);
    position += there.samples;
  }
  for (const there of own) there.claimed = true;
  return true;
}

/** The packets behind the pre-roll, by its tag. */
function splitPreroll({ link }: AudioContent): { preroll: Uint8Array[]; body: AudioContent['link']['packets']; prerollSamples: number } {
  const wanted = Number(tagValue(link.tags, 'HAYATE_PREROLL_SAMPLES') ?? 0);
  let prerollSamples = 0;
  let count = 0;
  for (; prerollSamples < wanted && count < link.packets.length; count++) prerollSamples += link.packets[count]?.samples ?? 0;
  return { preroll: link.packets.slice(0, count).map(({ data }) => data), body: link.packets.slice(count), prerollSamples };
}

/** Serial, key, pre-skip, trimming and wall-clock time. */
function checkHeaders({ key, name, link }: AudioContent, prerollSamples: number, { after, report }: VoiceContext): void {
  const tag = (what: string) => tagValue(link.tags, what);
  const wrong = (expected: string, found: string) => report({ rule: 'audio', key, expected, found });
  const track = JSON.stringify([name.stream, epochText(name.epoch), name.participant, name.late]);
  const serial = (createHash('sha256').update(track).digest().readUInt32LE() + name.firstSequence) % 2 ** 32;
  if (link.serial !== serial) wrong(`serial number ${serial}`, `${link.serial}`);
  const epoch = epochFromText(tag('HAYATE_EPOCH') ?? '') ?? 0n;
  const tagged = audioKey({
    stream: tag('HAYATE_STREAM') ?? '',
    epoch,
    participant: Number(tag('HAYATE_PARTICIPANT')),
    late: tag('HAYATE_LATE') === '1',
    firstSequence: Number(tag('HAYATE_FIRST_SEQUENCE')),
    position: Number(tag('HAYATE_POSITION')),
  });
  if (tagged !== key) wrong('tags of its key', tagged);
  if (link.startGranule !== 0 || link.endTrim !== 0)
    wrong('granules from 0, nothing trimmed', `from ${link.startGranule}, ${link.endTrim} trimmed`);
  // A broadcast that has ended keeps no title in the manifest, but all else of its header.
  const header = after?.header;
  const codecDelay = header?.preSkip ?? 0;
  const preSkip = name.position === 0 && !name.late ? codecDelay : prerollSamples;
  if (link.head.preSkip !== preSkip) wrong(`pre-skip ${preSkip}`, `${link.head.preSkip}`);
  const originUs = header !== undefined && header.originUnixUs > 0 ? header.originUnixUs : epochStartedMs(epoch) * 1000;
  const firstPlayed = name.position - prerollSamples + preSkip;
  const startUs = originUs + Math.round(((firstPlayed - codecDelay) * 1_000_000) / OPUS_SAMPLE_RATE);
  if (Number(tag('HAYATE_START_UNIX_US')) !== startUs) wrong(`start at ${startUs} µs`, `${tag('HAYATE_START_UNIX_US')}`);
}

/** Checks that the segments follow one another from where the track stood to where it stands, with the pre-roll of what came before. */
function checkTrack(participant: number, from: number, segments: readonly AudioContent[], context: VoiceContext): void {
  const { before, after, report } = context;
  let position = from;
  let heard = before?.tracks.find((track) => track.participant === participant)?.preroll.map((packet) => Buffer.from(packet, 'base64'));
  for (const segment of segments.toSorted((a, b) => a.name.position - b.name.position)) {
    const { key, name, link } = segment;
    const { preroll, body } = splitPreroll(segment);
    const gap = Number(tagValue(link.tags, 'HAYATE_GAP_SAMPLES'));
    if (name.position - position !== gap)
      report({ rule: 'audio', key, expected: `a hole of ${name.position - position} samples before it`, found: `${gap}` });
    const expected = gap === 0 ? (heard ?? []) : [];
    if (expected.length !== preroll.length || expected.some((packet, i) => Buffer.compare(packet, preroll[i] ?? new Uint8Array()) !== 0))
      report({
        rule: 'audio',
        key,
        expected: `${expected.length} packets of pre-roll as before`,
        found: `${preroll.length} packets, or others`,
      });
    position = name.position + body.reduce((sum, { samples }) => sum + samples, 0);
    heard = link.packets.map(({ data }) => Buffer.from(data));
  }
  const track = after?.tracks.find((candidate) => candidate.participant === participant);
  if (segments.length === 0 || after === undefined) return;
  const [last] = segments.slice(-1);
  if (track?.position !== position)
    report({ rule: 'state', key: last?.key ?? '', expected: `a track that stands at ${position}`, found: `${track?.position}` });
}
