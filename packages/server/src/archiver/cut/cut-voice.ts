// The voices of one epoch in one cut. AUDIO frames are gathered by participant and laid on their
// timelines when the cut ends. Frames for a time that an earlier cut has written go to a lane of
// their own.

import type { AudioView, FrameHeader } from '@hayate/protocol';
import type { CutConfig } from '../../archive/layout/cut-config.ts';
import type { StatisticsCounter } from '../../archive/row/statistics-row.ts';
import type { BufferSource } from '../../kernel/buffer-pool.ts';
import { AudioFrames } from './audio-frames.ts';
import { type AudioSegment, lastPackets, layAudio } from './audio-layout.ts';
import type { EpochMemory, Track } from './epoch-memory.ts';
import type { PlannedObject } from './planned-object.ts';
import { encodeAudioObject, segmentKey } from './segment-object.ts';

/** Frames of a track, on time or late. */
class Lane {
  readonly frames: AudioFrames;
  /** Each counter counts the frames from `from` to before the next counter's. */
  readonly #counters: { from: number; counter: StatisticsCounter }[] = [];

  constructor(buffers: BufferSource | undefined) {
    this.frames = new AudioFrames(buffers);
  }

  add(sequence: number, position: number, audio: AudioView, counter: StatisticsCounter): void {
    if (this.#counters.at(-1)?.counter !== counter) this.#counters.push({ from: this.frames.length, counter });
    this.frames.add(sequence, position, audio);
  }

  /** Returns the counter of a frame's row. */
  counterOf(frame: number): StatisticsCounter | undefined {
    return this.#counters.findLast(({ from }) => from <= frame)?.counter;
  }
}

interface Lanes {
  onTime: Lane;
  late: Lane;
}

const SAMPLES_PER_MS = 48;

/** Gathers one epoch's voices. */
export class CutVoice {
  readonly #memory: EpochMemory;
  readonly #config: CutConfig;
  readonly #buffers: BufferSource | undefined;
  /** By participant. */
  readonly #lanes = new Map<number, Lanes>();

  /** Takes chunks from `buffers`, if given. */
  constructor(memory: EpochMemory, config: CutConfig, buffers: BufferSource | undefined) {
    this.#memory = memory;
    this.#config = config;
    this.#buffers = buffers;
  }

  /** Adds a frame and copies its packets. Returns the additional memory that this takes, bytes. */
  add(header: FrameHeader, audio: AudioView, counter: StatisticsCounter): number {
    const { participant, sequence, position } = header;
    let lanes = this.#lanes.get(participant);
    if (lanes === undefined) {
      lanes = { onTime: new Lane(this.#buffers), late: new Lane(this.#buffers) };
      this.#lanes.set(participant, lanes);
    }
    const late = position < this.#memory.track(participant).position;
    if (late) counter.audioLate();
    const lane = late ? lanes.late : lanes.onTime;
    const heldBytes = lane.frames.heldBytes;
    lane.add(sequence, position, audio, counter);
    return lane.frames.heldBytes - heldBytes;
  }

  /** Lays out all frames and advances the tracks. Call it once, at the end of the cut. */
  finish(): PlannedObject[] {
    const holeSamplesMax = this.#config.audioHoleMs * SAMPLES_PER_MS;
    const segmentsMax = this.#config.segmentsPerTrackMax;
    const planned: PlannedObject[] = [];
    for (const [participant, { onTime, late }] of [...this.#lanes].sort(([a], [b]) => a - b)) {
      const track = this.#memory.track(participant);
      const main = layAudio(onTime.frames, { position: track.position, preroll: track.preroll, holeSamplesMax, segmentsMax });
      const rest = layAudio(late.frames, { position: undefined, preroll: [], holeSamplesMax, segmentsMax });
      for (const frame of main.displaced) onTime.counterOf(frame)?.audioDisplaced();
      for (const frame of rest.displaced) late.counterOf(frame)?.audioDisplaced();
      this.#moveOn(track, main.position, main.segments.at(-1));
      for (const segment of main.segments) planned.push(this.#plan(participant, false, segment));
      for (const segment of rest.segments) planned.push(this.#plan(participant, true, segment));
    }
    return planned;
  }

  /** Releases the packets' memory, once the objects are stored. */
  release(): void {
    for (const { onTime, late } of this.#lanes.values()) {
      onTime.frames.release();
      late.frames.release();
    }
  }

  #moveOn(track: Track, position: number, last: AudioSegment | undefined): void {
    track.position = position;
    if (last !== undefined) track.preroll = lastPackets(last, this.#config.prerollMs * SAMPLES_PER_MS);
  }

  #plan(participant: number, late: boolean, segment: AudioSegment): PlannedObject {
    const { stream, epoch, header } = this.#memory;
    const options = { name: { stream, epoch, participant, late }, header };
    const key = segmentKey(options, segment);
    return { key, output: 'audio', bytes: segment.frames.heldBytes, encode: async () => encodeAudioObject(options, segment) };
  }
}
