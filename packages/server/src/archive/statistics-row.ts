// Rows of the statistics output: one per broadcast and window. Frames, marks and batches are counted in as the log gives
// them; sums are of whole numbers, so that they do not depend on who counts.
import { type Audio, type FrameHeader, Kind } from '@hayate/protocol';
import type { Columns, RowOf } from '../format/parquet/index.ts';
import { LevelRuns } from './level-runs.ts';
import { safeNumber } from './safe-number.ts';

const count = { type: 'INT64' } as const;
const time = { type: 'TIMESTAMP' } as const;
const maybeCount = { type: 'INT64', optional: true } as const;
const maybeDouble = { type: 'DOUBLE', optional: true } as const;

/** Columns of the statistics output, as spec/archive.md explains them. */
export const STATISTICS_TABLE = {
  log: { type: 'STRING' },
  partition: { type: 'INT32' },
  stream: { type: 'STRING' },
  epoch: { type: 'STRING' },
  window_start: time,
  window_ms: { type: 'INT32' },
  first_append_time: time,
  last_append_time: time,
  first_offset: count,
  last_offset: count,
  title: { type: 'STRING' },
  labels: { type: 'JSON' },
  header_frames: count,
  audio_frames: count,
  motion_frames: count,
  event_frames: count,
  game_frames: count,
  other_frames: count,
  header_bytes: count,
  audio_bytes: count,
  motion_bytes: count,
  event_bytes: count,
  game_bytes: count,
  other_bytes: count,
  first_sequence: maybeCount,
  last_sequence: maybeCount,
  first_capture_us: maybeCount,
  last_capture_us: maybeCount,
  gap_frames: count,
  late_frames: count,
  duplicate_frames: count,
  dropped_frames: count,
  audio_packets: count,
  audio_duration_ms: { type: 'DOUBLE' },
  audio_late_frames: count,
  audio_displaced_frames: count,
  level_frames: count,
  level_mean_dbov: maybeDouble,
  level_peak_dbov: maybeDouble,
  levels: { type: 'JSON' },
  delay_frames: count,
  delay_min_ms: maybeDouble,
  delay_mean_ms: maybeDouble,
  delay_max_ms: maybeDouble,
  viewers_max: count,
  unreadable_payloads: count,
} as const satisfies Columns;

/** One row of the statistics output. */
export type StatisticsRow = RowOf<typeof STATISTICS_TABLE>;

type KindName = 'header' | 'audio' | 'motion' | 'event' | 'game' | 'other';

const KINDS: Readonly<Record<number, KindName>> = {
  [Kind.HEADER]: 'header',
  [Kind.AUDIO]: 'audio',
  [Kind.MOTION]: 'motion',
  [Kind.EVENT]: 'event',
  [Kind.GAME]: 'game',
};

/** Whose row it is. */
export interface StatisticsKey {
  log: string;
  partition: number;
  stream: string;
  epoch: string;
  windowStartMs: number;
  windowMs: number;
}

/** Where and when the log has a batch. */
export interface BatchPlace {
  offset: number;
  /** Unix milliseconds. */
  appendTimeMs: number;
}

/** Every count at its beginning. */
const NOTHING_COUNTED = {
  header_frames: 0,
  audio_frames: 0,
  motion_frames: 0,
  event_frames: 0,
  game_frames: 0,
  other_frames: 0,
  header_bytes: 0,
  audio_bytes: 0,
  motion_bytes: 0,
  event_bytes: 0,
  game_bytes: 0,
  other_bytes: 0,
  first_sequence: undefined,
  last_sequence: undefined,
  first_capture_us: undefined,
  last_capture_us: undefined,
  gap_frames: 0,
  late_frames: 0,
  duplicate_frames: 0,
  dropped_frames: 0,
  audio_packets: 0,
  audio_duration_ms: 0,
  audio_late_frames: 0,
  audio_displaced_frames: 0,
  level_frames: 0,
  level_mean_dbov: undefined,
  level_peak_dbov: undefined,
  levels: '[]',
  delay_frames: 0,
  delay_min_ms: undefined,
  delay_mean_ms: undefined,
  delay_max_ms: undefined,
  viewers_max: 0,
  unreadable_payloads: 0,
} as const;

/** Gathers one row. */
export class StatisticsCounter {
  readonly #row: StatisticsRow;
  readonly #levels = new LevelRuns();
  #samples = 0;
  #levelSum = 0;
  #delaySumUs = 0;

  /** The place is that of the broadcast's first batch of the window. */
  constructor(key: StatisticsKey, { offset, appendTimeMs }: BatchPlace) {
    const { windowStartMs, windowMs, ...name } = key;
    const times = { window_start: windowStartMs, window_ms: windowMs, first_append_time: appendTimeMs, last_append_time: appendTimeMs };
    this.#row = { ...NOTHING_COUNTED, ...name, ...times, first_offset: offset, last_offset: offset, title: '', labels: '{}' };
  }

  /** A batch of this broadcast, in log order. `labels` are sorted. */
  batch({ offset, appendTimeMs }: BatchPlace, labels: Readonly<Record<string, string>>, viewers: number): void {
    const row = this.#row;
    row.first_append_time = Math.min(row.first_append_time, appendTimeMs);
    row.last_append_time = Math.max(row.last_append_time, appendTimeMs);
    row.last_offset = offset;
    row.labels = JSON.stringify(labels);
    row.viewers_max = Math.max(row.viewers_max, viewers);
  }

  /** The title that is in force. */
  title(title: string): void {
    this.#row.title = title;
  }

  /** A frame that had been seen before. */
  duplicate(): void {
    this.#row.duplicate_frames++;
  }

  /** Sequences newly declared dropped. */
  dropped(frames: number): void {
    this.#row.dropped_frames = saturate(this.#row.dropped_frames + frames);
  }

  /** A frame, its encoded length and the sequence behind the highest one before it. */
  frame(header: FrameHeader, bytes: number, nextSequence: number): void {
    const row = this.#row;
    const kind = KINDS[header.kind] ?? 'other';
    row[`${kind}_frames`]++;
    row[`${kind}_bytes`] += bytes;
    row.first_sequence = Math.min(row.first_sequence ?? header.sequence, header.sequence);
    row.last_sequence = Math.max(row.last_sequence ?? header.sequence, header.sequence);
    const captureUs = safeNumber(header.captureUs);
    row.first_capture_us = Math.min(row.first_capture_us ?? captureUs, captureUs);
    row.last_capture_us = Math.max(row.last_capture_us ?? captureUs, captureUs);
    if (header.sequence >= nextSequence) row.gap_frames = saturate(row.gap_frames + header.sequence - nextSequence);
    else row.late_frames++;
  }

  /** From capture to the streamer, microseconds by the broadcaster's and the server's clocks. */
  delay(delayUs: number): void {
    const row = this.#row;
    row.delay_frames++;
    this.#delaySumUs += delayUs;
    row.delay_min_ms = Math.min(row.delay_min_ms ?? Infinity, delayUs / 1000);
    row.delay_max_ms = Math.max(row.delay_max_ms ?? -Infinity, delayUs / 1000);
  }

  /** The payload of an AUDIO frame that lasts `samples`. */
  audio({ captureUs }: FrameHeader, { packets, level }: Audio, samples: number): void {
    const row = this.#row;
    row.audio_packets += packets.length;
    this.#samples += samples;
    if (level === undefined) return;
    this.#levels.add(captureUs, level);
    row.level_frames++;
    this.#levelSum += level;
    row.level_peak_dbov = Math.max(row.level_peak_dbov ?? -Infinity, -level);
  }

  /** An AUDIO frame for a time already written. */
  audioLate(): void {
    this.#row.audio_late_frames++;
  }

  /** An AUDIO frame that has no place in any segment. */
  audioDisplaced(): void {
    this.#row.audio_displaced_frames++;
  }

  /** A payload that a server should be able to read and is not what its kind says. */
  unreadable(): void {
    this.#row.unreadable_payloads++;
  }

  /** The row as it stands. */
  row(): StatisticsRow {
    const { level_frames: levels, delay_frames: delays } = this.#row;
    return {
      ...this.#row,
      audio_duration_ms: this.#samples / 48,
      level_mean_dbov: levels === 0 ? undefined : 0 - this.#levelSum / levels,
      level_peak_dbov: this.#row.level_peak_dbov === undefined ? undefined : this.#row.level_peak_dbov + 0,
      levels: JSON.stringify(this.#levels.runs()),
      delay_mean_ms: delays === 0 ? undefined : this.#delaySumUs / delays / 1000,
    };
  }
}

function saturate(value: number): number {
  return Math.min(value, Number.MAX_SAFE_INTEGER);
}
