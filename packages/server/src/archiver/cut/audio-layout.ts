// Lays out a participant's voice of one cut on its timeline: turns frames into segments. Packets
// keep the positions that the broadcaster gave them. Short holes are filled with concealment; a
// long hole ends a segment. Pure.
import { opusPacketSamples } from '@hayate/protocol';
import { canConceal, concealGap } from '../../format/ogg/index.ts';
import type { AudioFrames } from './audio-frames.ts';

/** A run of voice without a long hole. */
export interface AudioSegment {
  /** Position of the first packet after the pre-roll. */
  position: number;
  firstSequence: number;
  lastSequence: number;
  preroll: readonly Uint8Array[];
  prerollSamples: number;
  /** The storage of its frames. */
  frames: AudioFrames;
  /** Indices of its frames, in order of position. */
  order: number[];
  /** Samples after the pre-roll. */
  samples: number;
  /** Of these, samples of concealment for missing packets. */
  concealedSamples: number;
  /** The hole before this segment that was too long to fill, in samples. */
  holeSamples: number;
}

/** The timeline's current position, and the limits of the layout. */
export interface LayoutOptions {
  /** The end of the packets so far. Undefined: begin at the first frame (late frames). */
  position: number | undefined;
  /** The packets before `position`. */
  preroll: readonly Uint8Array[];
  /** A hole longer than this ends a segment. */
  holeSamplesMax: number;
  segmentsMax: number;
}

/** The result of laying out frames. */
interface AudioLayout {
  segments: AudioSegment[];
  /** Frames that overlap others, or come after the last allowed segment. */
  displaced: number[];
  /** The new end of the timeline. */
  position: number;
}

/** Lays out `frames`, in any order, after `options.position`. */
export function layAudio(frames: AudioFrames, options: LayoutOptions): AudioLayout {
  const ordered = inOrder(frames);
  const [first] = ordered;
  let position = options.position ?? (first === undefined ? 0 : frames.position(first));
  let segment: AudioSegment | undefined;
  const segments: AudioSegment[] = [];
  const displaced: number[] = [];
  for (const frame of ordered) {
    const start = frames.position(frame);
    const gap = start - position;
    if (gap < 0) {
      displaced.push(frame);
      continue;
    }
    const fills = gap <= options.holeSamplesMax && canConceal(gap);
    if (segment === undefined || !fills) {
      if (segments.length === options.segmentsMax) {
        displaced.push(frame);
        continue;
      }
      segment = fills ? openSegment(frames, frame, position, options.preroll, 0) : openSegment(frames, frame, start, [], gap);
      segments.push(segment);
    }
    segment.order.push(frame);
    if (fills) segment.concealedSamples += gap;
    segment.firstSequence = Math.min(segment.firstSequence, frames.sequence(frame));
    segment.lastSequence = Math.max(segment.lastSequence, frames.sequence(frame));
    position = start + frames.samples(frame);
    segment.samples = position - segment.position;
  }
  return { segments, displaced, position };
}

/** A segment's packets: pre-roll first, then all others in order of position, with holes filled. */
export function segmentPackets(segment: AudioSegment): Uint8Array[] {
  const packets = [...segment.preroll];
  pushFrames(segment, 0, segment.position, packets);
  return packets;
}

/**
 * Returns the segment's last packets that last `samples` or more, or all packets if there are
 * fewer. They are copies, so that they keep no other memory alive.
 */
export function lastPackets(segment: AudioSegment, samples: number): Uint8Array[] {
  const { frames, order } = segment;
  const end = segment.position + segment.samples;
  let from = order.length - 1;
  while (from > 0 && end - frames.position(order[from] ?? 0) < samples) from--;
  let packets: Uint8Array[] = [];
  if (from > 0) pushFrames(segment, from, frames.position(order[from] ?? 0), packets);
  else packets = segmentPackets(segment);
  let start = packets.length;
  for (let total = 0; start > 0 && total < samples; ) total += opusPacketSamples(packets[--start] ?? Uint8Array.of(0));
  return packets.slice(start).map((packet) => packet.slice());
}

/**
 * Pushes the segment's packets from its frame `from` on, and the concealment for holes from
 * `position` on.
 */
function pushFrames({ frames, order }: AudioSegment, from: number, position: number, out: Uint8Array[]): void {
  let at = position;
  for (let i = from; i < order.length; i++) {
    const frame = order[i] ?? 0;
    const gap = frames.position(frame) - at;
    const place = out.length;
    frames.pushPackets(frame, out);
    if (gap > 0) {
      // Conceal in the mode of the packet before the hole, or else of the packet after it.
      const filling = concealGap(gap, out[place - 1] ?? out[place] ?? Uint8Array.of(0)) ?? [];
      out.splice(place, 0, ...filling);
    }
    at += gap + frames.samples(frame);
  }
}

/** The frames by position, then sequence. They usually have this order already. */
function inOrder(frames: AudioFrames): number[] {
  const order = Array.from({ length: frames.length }, (_, index) => index);
  const compare = (a: number, b: number): number => frames.position(a) - frames.position(b) || frames.sequence(a) - frames.sequence(b);
  return order.every((index) => index === 0 || compare(index - 1, index) <= 0) ? order : order.sort(compare);
}

function openSegment(
  frames: AudioFrames,
  frame: number,
  position: number,
  preroll: readonly Uint8Array[],
  holeSamples: number,
): AudioSegment {
  return {
    position,
    firstSequence: frames.sequence(frame),
    lastSequence: frames.sequence(frame),
    preroll,
    prerollSamples: preroll.reduce((sum, packet) => sum + opusPacketSamples(packet), 0),
    frames,
    order: [],
    samples: 0,
    concealedSamples: 0,
    holeSamples,
  };
}
