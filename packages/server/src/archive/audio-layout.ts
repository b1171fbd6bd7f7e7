// Lays a participant's voice of one cut on its timeline: frames in, segments out. Packets keep the positions that the
// broadcaster gave them; short holes are filled with concealment, long ones end a segment. Pure.
import { opusPacketSamples } from '@hayate/protocol';
import { concealGap } from '../format/ogg/index.ts';

/** One AUDIO frame. */
export interface AudioFrame {
  sequence: number;
  /** Of its first packet, 48 kHz samples since the epoch began. */
  position: number;
  /** Not empty. */
  packets: readonly Uint8Array[];
  /** All packets together. */
  samples: number;
}

/** A run of voice without a long hole. */
export interface AudioSegment {
  /** Position of the first packet behind the pre-roll. */
  position: number;
  firstSequence: number;
  lastSequence: number;
  /** Pre-roll first, then everything in position order. */
  packets: Uint8Array[];
  /** Of these, samples of the pre-roll. */
  prerollSamples: number;
  /** Samples behind the pre-roll. */
  samples: number;
  /** Of these, samples of concealment put in for what is missing. */
  concealedSamples: number;
  /** The hole before this segment that was too long to fill, samples. */
  holeSamples: number;
}

/** Where the timeline stands, and how to lay on it. */
export interface LayoutOptions {
  /** Where the packets so far end. Undefined: wherever the first frame begins (late frames). */
  position: number | undefined;
  /** The packets before `position`. */
  preroll: readonly Uint8Array[];
  /** A hole longer than this ends a segment. */
  holeSamplesMax: number;
  segmentsMax: number;
}

/** What became of the frames. */
export interface AudioLayout<Frame extends AudioFrame> {
  segments: AudioSegment[];
  /** Frames that overlap others, or lie behind the last segment allowed. */
  displaced: Frame[];
  /** Where the timeline stands now. */
  position: number;
}

/** Lays `frames`, in any order, behind `options.position`. */
export function layAudio<Frame extends AudioFrame>(frames: readonly Frame[], options: LayoutOptions): AudioLayout<Frame> {
  const ordered = frames.toSorted((a, b) => a.position - b.position || a.sequence - b.sequence);
  let position = options.position ?? ordered[0]?.position ?? 0;
  let segment: AudioSegment | undefined;
  const segments: AudioSegment[] = [];
  const displaced: Frame[] = [];
  for (const frame of ordered) {
    const gap = frame.position - position;
    if (gap < 0) {
      displaced.push(frame);
      continue;
    }
    const preroll = segment === undefined ? options.preroll : [];
    const neighbour = segment?.packets.at(-1) ?? preroll.at(-1) ?? frame.packets[0] ?? Uint8Array.of(0);
    const filling = gap > options.holeSamplesMax ? undefined : concealGap(gap, neighbour);
    if (segment === undefined || filling === undefined) {
      if (segments.length === options.segmentsMax) {
        displaced.push(frame);
        continue;
      }
      segment = filling === undefined ? openSegment(frame, frame.position, [], gap) : openSegment(frame, position, preroll, 0);
      segments.push(segment);
    }
    for (const packet of filling ?? []) segment.packets.push(packet);
    for (const packet of frame.packets) segment.packets.push(packet);
    if (filling !== undefined) segment.concealedSamples += gap;
    segment.firstSequence = Math.min(segment.firstSequence, frame.sequence);
    segment.lastSequence = Math.max(segment.lastSequence, frame.sequence);
    position = frame.position + frame.samples;
    segment.samples = position - segment.position;
  }
  return { segments, displaced, position };
}

/** The last packets of `packets` that last `samples` or more; all if there are fewer. */
export function lastPackets(packets: readonly Uint8Array[], samples: number): Uint8Array[] {
  let start = packets.length;
  for (let total = 0; start > 0 && total < samples; ) total += opusPacketSamples(packets[--start] ?? Uint8Array.of(0));
  return packets.slice(start);
}

function openSegment(frame: AudioFrame, position: number, preroll: readonly Uint8Array[], holeSamples: number): AudioSegment {
  return {
    position,
    firstSequence: frame.sequence,
    lastSequence: frame.sequence,
    packets: [...preroll],
    prerollSamples: preroll.reduce((sum, packet) => sum + opusPacketSamples(packet), 0),
    samples: 0,
    concealedSamples: 0,
    holeSamples,
  };
}
