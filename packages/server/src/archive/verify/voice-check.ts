// Checks the voices of one broadcast in one cut: compares its AUDIO frames with its Ogg segments.
// Every packet of every frame must lie in a segment at its position, unless its place was taken.
// All other content of a segment must be concealment of a hole. It works from positions alone,
// without the archiver's own layout.

import { Limits } from '@hayate/protocol';
import { GAP_STEP_SAMPLES, isConcealment, tagValue } from '../../format/ogg/index.ts';
import { broadcastKey } from '../layout/broadcast-name.ts';
import type { AudioContent, BroadcastContent, HeardFrame } from './broadcast-content.ts';
import type { Report } from './finding.ts';
import { packetSamples } from './opus-duration.ts';
import { checkSegmentTags } from './segment-tag-check.ts';

const SAMPLES_PER_MS = 48;

/** Late frames, and frames without a place, as the statistics should count them. */
export interface VoiceCounts {
  late: number;
  displaced: number;
}

/** One participant's on-time or late segments, with the frames that belong to them. */
interface Lane {
  frames: HeardFrame[];
  /** In order of position. */
  segments: AudioContent[];
  /** The voice's position before the cut; undefined: begin at the first frame. */
  position: number | undefined;
  preroll: readonly Uint8Array[];
}

/** The result of checking a lane. */
interface LaneEnd {
  position: number;
  /** The packets of the last segment; undefined if there is none. */
  packets: readonly Uint8Array[] | undefined;
  displaced: number;
}

/**
 * Checks a broadcast's segments of one cut against its frames, and the positions of its voices in
 * the next manifest.
 */
export function checkVoice(broadcast: BroadcastContent, report: Report): VoiceCounts {
  const counts = { late: 0, displaced: 0 };
  const voices = new Map<number, HeardFrame[]>();
  for (const row of broadcast.frames) {
    const heard = broadcast.heard.get(row);
    if (heard === undefined) continue;
    if (row.participant >= Limits.participantsMax || row.position + heard.samples > Limits.numberMax) counts.displaced++;
    else
      voices
        .set(row.participant, voices.get(row.participant) ?? [])
        .get(row.participant)
        ?.push(heard);
  }
  const tracks = [...(broadcast.before?.tracks ?? []), ...(broadcast.after?.tracks ?? [])];
  const participants = [
    ...voices.keys(),
    ...broadcast.segments.map(({ name }) => name.participant),
    ...tracks.map((track) => track.participant),
  ];
  for (const participant of new Set(participants)) {
    const segments = broadcast.segments
      .filter(({ name }) => name.participant === participant)
      .sort((a, b) => a.name.position - b.name.position);
    const frames = voices.get(participant) ?? [];
    const known = broadcast.before?.tracks.find((track) => track.participant === participant);
    const position = known?.position ?? 0;
    const preroll = known?.preroll.map((packet) => Buffer.from(packet, 'base64')) ?? [];
    const [late, onTime] = [true, false].map((isLate) => ({
      frames: frames.filter(({ row }) => row.position < position === isLate),
      segments: segments.filter(({ name }) => name.late === isLate),
    }));
    counts.late += late?.frames.length ?? 0;
    counts.displaced += checkLane({ frames: [], segments: [], ...late, position: undefined, preroll: [] }, broadcast, report).displaced;
    const end = checkLane({ frames: [], segments: [], ...onTime, position, preroll }, broadcast, report);
    counts.displaced += end.displaced;
    checkTrack(participant, end, preroll, broadcast, report);
  }
  return counts;
}

function checkLane(lane: Lane, broadcast: BroadcastContent, report: Report): LaneEnd {
  const { config } = broadcast;
  const ordered = lane.frames.toSorted((a, b) => a.row.position - b.row.position || a.row.sequence - b.row.sequence);
  let unplaced = ordered;
  let position = lane.position ?? ordered[0]?.row.position ?? 0;
  let packets: readonly Uint8Array[] | undefined;
  for (const segment of lane.segments) {
    const { key, name, link } = segment;
    const wrong = (expected: string, found: string) => report({ rule: 'audio', key, expected, found });
    const { preroll, body, prerollSamples } = splitPreroll(segment);
    const hole = name.position - position;
    const tagged = Number(tagValue(link.tags, 'HAYATE_GAP_SAMPLES'));
    const isLong = hole > config.audioHoleMs * SAMPLES_PER_MS || hole % GAP_STEP_SAMPLES !== 0;
    if (hole !== tagged || hole < 0 || (hole > 0 && !isLong)) wrong(`a preceding hole of ${hole} samples, too long to fill`, `${tagged}`);
    const expected = hole === 0 && packets === undefined ? lane.preroll : [];
    if (!equal(expected, preroll))
      wrong(`the ${expected.length} packets of pre-roll of the previous segment`, `${preroll.length} packets, or others`);
    const placed = placeBody(body, name.position);
    const taken = new Set(unplaced.filter((frame) => claim(frame, placed)));
    unplaced = unplaced.filter((frame) => !taken.has(frame));
    const concealedSamples = checkConcealment([...placed.values()], config.audioHoleMs * SAMPLES_PER_MS, wrong);
    checkSegmentTags(segment, { prerollSamples, concealedSamples, taken: Array.from(taken, ({ row }) => row.sequence) }, broadcast, wrong);
    position = name.position + body.reduce((sum, { samples }) => sum + samples, 0);
    packets = link.packets.map(({ data }) => data);
  }
  if (lane.segments.length < config.segmentsPerTrackMax) checkUnplaced(new Set(unplaced), ordered, broadcast, report);
  return { position: lane.position === undefined ? 0 : position, packets, displaced: unplaced.length };
}

interface Placed {
  data: Uint8Array;
  samples: number;
  claimed: boolean;
}

function placeBody(body: AudioContent['link']['packets'], from: number): Map<number, Placed> {
  const placed = new Map<number, Placed>();
  let position = from;
  for (const { data, samples } of body) {
    placed.set(position, { data, samples, claimed: false });
    position += samples;
  }
  return placed;
}

/**
 * Claims a frame's packets at their positions. Returns false and claims nothing if a packet is not
 * at its position.
 */
function claim({ row, packets }: HeardFrame, placed: ReadonlyMap<number, Placed>): boolean {
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

/**
 * Checks that content without a frame is concealment, in runs no longer than a filled hole, with
 * voice after it. Returns its samples.
 */
function checkConcealment(placed: readonly Placed[], holeMax: number, wrong: (expected: string, found: string) => void): number {
  let total = 0;
  let run = 0;
  for (const { data, samples, claimed } of placed) {
    run = claimed ? 0 : run + samples;
    if (claimed) continue;
    total += samples;
    if (data.length !== 1 || !isConcealment(data)) wrong('only packets of frames and concealment', 'a packet of no frame');
    if (run - samples < holeMax && run > holeMax) wrong(`holes of at most ${holeMax} samples`, 'a longer one');
  }
  if (run > 0) wrong('voice at its end', 'concealment');
  return total;
}

/** Checks that a frame without a place was for a time that another frame took. */
function checkUnplaced(
  unplaced: ReadonlySet<HeardFrame>,
  ordered: readonly HeardFrame[],
  { name, manifestKey: key }: BroadcastContent,
  report: Report,
): void {
  let end = 0;
  for (const frame of ordered) {
    const { sequence, participant, position } = frame.row;
    if (!unplaced.has(frame)) end = Math.max(end, position + frame.samples);
    else if (position >= end)
      report({
        rule: 'audio',
        key,
        expected: `the voice of ${broadcastKey(name)} sequence ${sequence}, participant ${participant}, at ${position}`,
        found: 'no segment contains it',
      });
  }
}

function checkTrack(
  participant: number,
  end: LaneEnd,
  preroll: readonly Uint8Array[],
  { name, after, config, manifestKey: key }: BroadcastContent,
  report: Report,
): void {
  if (after === undefined) return;
  const track = after.tracks.find((each) => each.participant === participant);
  const wrong = (expected: string, found: string) => report({ rule: 'state', key, expected: `${broadcastKey(name)}: ${expected}`, found });
  if ((track?.position ?? 0) !== end.position) wrong(`voice ${participant} up to ${end.position}`, `up to ${track?.position}`);
  const last = end.packets === undefined ? preroll : lastPackets(end.packets, config.prerollMs * SAMPLES_PER_MS);
  const found = track?.preroll.map((packet) => Buffer.from(packet, 'base64')) ?? [];
  if (!equal(after.ended ? [] : last, found))
    wrong(`the last packets of voice ${participant} as pre-roll`, `${found.length} packets, or others`);
}

/** Splits a segment by its tag into pre-roll and the packets after it. */
function splitPreroll({ link }: AudioContent): { preroll: Uint8Array[]; body: AudioContent['link']['packets']; prerollSamples: number } {
  const wanted = Number(tagValue(link.tags, 'HAYATE_PREROLL_SAMPLES') ?? 0);
  let prerollSamples = 0;
  let count = 0;
  for (; prerollSamples < wanted && count < link.packets.length; count++) prerollSamples += link.packets[count]?.samples ?? 0;
  return { preroll: link.packets.slice(0, count).map(({ data }) => data), body: link.packets.slice(count), prerollSamples };
}

function lastPackets(packets: readonly Uint8Array[], samples: number): Uint8Array[] {
  const last: Uint8Array[] = [];
  let total = 0;
  for (const packet of packets.toReversed()) {
    if (total >= samples) break;
    total += packetSamples(packet) ?? 0;
    last.unshift(packet);
  }
  return last;
}

function equal(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length && a.every((packet, i) => Buffer.compare(packet, b[i] ?? new Uint8Array()) === 0);
}
