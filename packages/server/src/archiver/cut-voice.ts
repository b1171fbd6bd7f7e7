// The voices of one epoch in one cut: AUDIO frames gathered by participant, laid on their timelines when the cut ends.
// What comes for a time that an earlier cut has written goes to a lane of its own.

import { type AudioFrame, type AudioSegment, lastPackets, layAudio } from '../archive/audio-layout.ts';
import { encodeAudioObject, segmentKey } from '../archive/audio-object.ts';
import type { CutConfig } from '../archive/cut-config.ts';
import type { StatisticsCounter } from '../archive/statistics-row.ts';
import type { EpochMemory, Track } from './epoch-memory.ts';
import type { PlannedObject } from './planned-object.ts';

/** An AUDIO frame and the row that counts it. */
export interface VoiceFrame extends AudioFrame {
  counter: StatisticsCounter;
}

interface Lanes {
  onTime: VoiceFrame[];
  late: VoiceFrame[];
}

const SAMPLES_PER_MS = 48;

/** Gathers one epoch's voices. */
export class CutVoice {
  readonly #memory: EpochMemory;
  readonly #config: CutConfig;
  /** By participant. */
  readonly #lanes = new Map<number, Lanes>();

  constructor(memory: EpochMemory, config: CutConfig) {
    this.#memory = memory;
    this.#config = config;
  }

  /** Takes a frame. */
  add(participant: number, frame: VoiceFrame): void {
    let lanes = this.#lanes.get(participant);
    if (lanes === undefined) {
      lanes = { onTime: [], late: [] };
      this.#lanes.set(participant, lanes);
    }
    if (frame.position >= this.#memory.track(participant).position) lanes.onTime.push(frame);
    else {
      lanes.late.push(frame);
      frame.counter.audioLate();
    }
  }

  /** Lays everything out and moves the tracks on. To be called once, at the end of the cut. */
  finish(): PlannedObject[] {
    const holeSamplesMax = this.#config.audioHoleMs * SAMPLES_PER_MS;
    const segmentsMax = this.#config.segmentsPerTrackMax;
    const planned: PlannedObject[] = [];
    for (const [participant, { onTime, late }] of [...this.#lanes].sort(([a], [b]) => a - b)) {
      const track = this.#memory.track(participant);
      const main = layAudio(onTime, { position: track.position, preroll: track.preroll, holeSamplesMax, segmentsMax });
      const rest = layAudio(late, { position: undefined, preroll: [], holeSamplesMax, segmentsMax });
      for (const frame of [...main.displaced, ...rest.displaced]) frame.counter.audioDisplaced();
      this.#moveOn(track, main.position, main.segments.at(-1));
      for (const segment of main.segments) planned.push(this.#plan(participant, false, segment));
      for (const segment of rest.segments) planned.push(this.#plan(participant, true, segment));
    }
    return planned;
  }

  #moveOn(track: Track, position: number, last: AudioSegment | undefined): void {
    track.position = position;
    if (last !== undefined) track.preroll = lastPackets(last.packets, this.#config.prerollMs * SAMPLES_PER_MS);
  }

  #plan(participant: number, late: boolean, segment: AudioSegment): PlannedObject {
    const { stream, epoch, header } = this.#memory;
    const options = { name: { stream, epoch, participant, late }, header };
    return { key: segmentKey(options, segment), output: 'audio', encode: async () => encodeAudioObject(options, segment) };
  }
}
