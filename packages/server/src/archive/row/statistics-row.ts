// Rows of the statistics output: one per broadcast and window. Frames, marks and batches are
// counted in log order. Sums are of whole numbers, so that every process gets the same result.
import { type AudioView, type FrameHeader, KIND_MAX, type KindTraits, kindTraits } from '@hayate/protocol';
import type { Columns, RowOf } from '../../format/parquet/index.ts';
import { LevelRuns } from './level-runs.ts';
import { safeNumber } from './safe-number.ts';

const count = { type: 'INT64' } as const;
const time = { type: 'TIMESTAMP' } as const;
const maybeCount = { type: 'INT64', optional: true } as const;
const maybeDouble = { type: 'DOUBLE', optional: true } as const;

/** Columns of the statistics output, explained in spec/archive.md. */
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

/** The columns of kinds, in the order of the table. */
const KIND_COLUMNS: readonly KindTraits['column'][] = ['header', 'audio', 'motion', 'event', 'game', 'other'];

/** Maps a kind to its index in KIND_COLUMNS. */
const columnOfKind = Array.from({ length: KIND_MAX + 1 }, (_, kind) => KIND_COLUMNS.indexOf(kindTraits(kind).column));

/** The broadcast and window of a row. */
interface StatisticsKey {
  log: string;
  partition: number;
  stream: string;
  epoch: string;
  windowStartMs: number;
  windowMs: number;
}

/** The offset and time of a batch in the log. */
export interface BatchPlace {
  offset: number;
  /** Unix milliseconds. */
  appendTimeMs: number;
}

/** Counts the values of one row. */
export class StatisticsCounter {
  readonly #key: StatisticsKey;
  readonly #place: { firstAppendMs: number; lastAppendMs: number; firstOffset: number; lastOffset: number };
  readonly #kindFrames = [0, 0, 0, 0, 0, 0];
  readonly #kindBytes = [0, 0, 0, 0, 0, 0];
  readonly #levels = new LevelRuns();
  readonly #level = new ValueRange();
  readonly #delayUs = new ValueRange();
  #title = '';
  #labels: Readonly<Record<string, string>> = {};
  #viewersMax = 0;
  #firstSequence = Infinity;
  #lastSequence = -1;
  #firstCaptureUs = Infinity;
  #lastCaptureUs = 0;
  #gapFrames = 0;
  #lateFrames = 0;
  #duplicateFrames = 0;
  #droppedFrames = 0;
  #audioPackets = 0;
  #samples = 0;
  #audioLateFrames = 0;
  #audioDisplacedFrames = 0;
  #unreadablePayloads = 0;

  /** The place is that of the broadcast's first batch of the window. */
  constructor(key: StatisticsKey, { offset, appendTimeMs }: BatchPlace) {
    this.#key = key;
    this.#place = { firstAppendMs: appendTimeMs, lastAppendMs: appendTimeMs, firstOffset: offset, lastOffset: offset };
  }

  /** Counts a batch of this broadcast, in log order. `labels` are sorted. */
  batch({ offset, appendTimeMs }: BatchPlace, labels: Readonly<Record<string, string>>, viewers: number): void {
    const place = this.#place;
    place.firstAppendMs = Math.min(place.firstAppendMs, appendTimeMs);
    place.lastAppendMs = Math.max(place.lastAppendMs, appendTimeMs);
    place.lastOffset = offset;
    this.#labels = labels;
    this.#viewersMax = Math.max(this.#viewersMax, viewers);
  }

  /** Sets the current title. */
  title(title: string): void {
    this.#title = title;
  }

  /** Counts a frame that had been seen before. */
  duplicate(): void {
    this.#duplicateFrames++;
  }

  /** Counts sequences newly declared dropped. */
  dropped(frames: number): void {
    this.#droppedFrames = saturate(this.#droppedFrames + frames);
  }

  /**
   * Counts a frame of `bytes` encoded bytes. `nextSequence` follows the highest sequence before it.
   */
  frame({ kind, sequence, captureUs }: FrameHeader, bytes: number, nextSequence: number): void {
    const column = columnOfKind[kind] ?? KIND_COLUMNS.length - 1;
    this.#kindFrames[column] = (this.#kindFrames[column] ?? 0) + 1;
    this.#kindBytes[column] = (this.#kindBytes[column] ?? 0) + bytes;
    if (sequence < this.#firstSequence) this.#firstSequence = sequence;
    if (sequence > this.#lastSequence) this.#lastSequence = sequence;
    if (captureUs < this.#firstCaptureUs) this.#firstCaptureUs = captureUs;
    if (captureUs > this.#lastCaptureUs) this.#lastCaptureUs = captureUs;
    if (sequence >= nextSequence) this.#gapFrames = saturate(this.#gapFrames + sequence - nextSequence);
    else this.#lateFrames++;
  }

  /**
   * Adds a delay from capture to the streamer, microseconds by the broadcaster's and the server's
   * clocks.
   */
  delay(delayUs: number): void {
    this.#delayUs.add(delayUs);
  }

  /** Counts the payload of an AUDIO frame captured at `captureUs` of the epoch. */
  audio(captureUs: number, { packetCount, samples, level }: AudioView): void {
    this.#audioPackets += packetCount;
    this.#samples += samples;
    if (level === undefined) return;
    this.#levels.add(captureUs, level);
    this.#level.add(level);
  }

  /** Counts an AUDIO frame for a time already written. */
  audioLate(): void {
    this.#audioLateFrames++;
  }

  /** Counts an AUDIO frame that has no place in any segment. */
  audioDisplaced(): void {
    this.#audioDisplacedFrames++;
  }

  /** Counts a payload of a kind that servers read, but that is not valid for its kind. */
  unreadable(): void {
    this.#unreadablePayloads++;
  }

  /** Returns the row with the counts so far. */
  row(): StatisticsRow {
    const { windowStartMs, windowMs, log, partition, stream, epoch } = this.#key;
    const place = this.#place;
    const framed = this.#lastSequence >= 0;
    const [header_frames = 0, audio_frames = 0, motion_frames = 0, event_frames = 0, game_frames = 0, other_frames = 0] = this.#kindFrames;
    const [header_bytes = 0, audio_bytes = 0, motion_bytes = 0, event_bytes = 0, game_bytes = 0, other_bytes = 0] = this.#kindBytes;
    return {
      ...{ log, partition, stream, epoch, window_start: windowStartMs, window_ms: windowMs },
      first_append_time: place.firstAppendMs,
      last_append_time: place.lastAppendMs,
      first_offset: place.firstOffset,
      last_offset: place.lastOffset,
      title: this.#title,
      labels: JSON.stringify(this.#labels),
      ...{ header_frames, audio_frames, motion_frames, event_frames, game_frames, other_frames },
      ...{ header_bytes, audio_bytes, motion_bytes, event_bytes, game_bytes, other_bytes },
      first_sequence: framed ? this.#firstSequence : undefined,
      last_sequence: framed ? this.#lastSequence : undefined,
      first_capture_us: framed ? safeNumber(this.#firstCaptureUs) : undefined,
      last_capture_us: framed ? safeNumber(this.#lastCaptureUs) : undefined,
      gap_frames: this.#gapFrames,
      late_frames: this.#lateFrames,
      duplicate_frames: this.#duplicateFrames,
      dropped_frames: this.#droppedFrames,
      audio_packets: this.#audioPackets,
      audio_duration_ms: this.#samples / 48,
      audio_late_frames: this.#audioLateFrames,
      audio_displaced_frames: this.#audioDisplacedFrames,
      level_frames: this.#level.count,
      level_mean_dbov: negated(this.#level.mean),
      level_peak_dbov: negated(this.#level.least),
      levels: JSON.stringify(this.#levels.runs()),
      delay_frames: this.#delayUs.count,
      delay_min_ms: milliseconds(this.#delayUs.least),
      delay_mean_ms: milliseconds(this.#delayUs.mean),
      delay_max_ms: milliseconds(this.#delayUs.greatest),
      viewers_max: this.#viewersMax,
      unreadable_payloads: this.#unreadablePayloads,
    };
  }
}

/** Collects numbers: their count, least, mean and greatest; undefined while there are none. */
class ValueRange {
  count = 0;
  #sum = 0;
  #least = Infinity;
  #greatest = -Infinity;

  add(value: number): void {
    this.count++;
    this.#sum += value;
    if (value < this.#least) this.#least = value;
    if (value > this.#greatest) this.#greatest = value;
  }

  get least(): number | undefined {
    return this.count === 0 ? undefined : this.#least;
  }

  get mean(): number | undefined {
    return this.count === 0 ? undefined : this.#sum / this.count;
  }

  get greatest(): number | undefined {
    return this.count === 0 ? undefined : this.#greatest;
  }
}

/** Converts −dBov to dBov; silence's 0 stays positive. */
function negated(value: number | undefined): number | undefined {
  return value === undefined ? undefined : 0 - value;
}

function milliseconds(us: number | undefined): number | undefined {
  return us === undefined ? undefined : us / 1_000;
}

function saturate(value: number): number {
  return Math.min(value, Number.MAX_SAFE_INTEGER);
}
