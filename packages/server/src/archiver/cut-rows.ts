// The rows of one cut, gathered by window: frames go out as each window closes, marks and statistics by hour at the end of
// the cut. An output's objects cover the offsets without gap or overlap: each begins where the one before it ended.

import type { CutConfig } from '../archive/cut-config.ts';
import { FRAME_TABLE, type FrameRow } from '../archive/frame-row.ts';
import type { PartitionState } from '../archive/manifest.ts';
import { MARK_TABLE, type MarkRow } from '../archive/mark-row.ts';
import { type HourlyOutput, hourlyKey, type OffsetRange, type PartitionName } from '../archive/path.ts';
import { STATISTICS_TABLE, StatisticsCounter } from '../archive/statistics-row.ts';
import { writeAvro } from '../format/avro/index.ts';
import { writeParquet } from '../format/parquet/index.ts';
import type { PlannedObject } from './planned-object.ts';

interface OpenWindow {
  frames: FrameRow[];
  /** By stream and epoch. */
  counters: Map<string, StatisticsCounter>;
}

interface Hour {
  startMs: number;
  /** Offset behind its last entry. */
  end: number;
  marks: MarkRow[];
  counters: StatisticsCounter[];
}

const HOUR_MS = 3_600_000;

/** Gathers rows; `closeWindow` and `finish` give objects. */
export class CutRows {
  readonly #name: PartitionName;
  readonly #config: CutConfig;
  readonly #covered: PartitionState['covered'];
  readonly #hours: Hour[] = [];
  #window: OpenWindow = { frames: [], counters: new Map() };
  #marks: MarkRow[] = [];

  constructor(name: PartitionName, config: CutConfig, covered: PartitionState['covered']) {
    this.#name = name;
    this.#config = config;
    this.#covered = { ...covered };
  }

  /** Where the next object of each output begins. */
  get covered(): PartitionState['covered'] {
    return { ...this.#covered };
  }

  addFrame(row: FrameRow): void {
    this.#window.frames.push(row);
  }

  addMark(row: MarkRow): void {
    this.#marks.push(row);
  }

  /** The counter of a broadcast in the open window. */
  counter(stream: string, epoch: string, windowStartMs: number, appendTimeMs: number): StatisticsCounter {
    const key = `${stream}/${epoch}`;
    let counter = this.#window.counters.get(key);
    if (counter === undefined) {
      counter = new StatisticsCounter({ ...this.#name, stream, epoch, windowStartMs, windowMs: this.#config.windowMs }, appendTimeMs);
      this.#window.counters.set(key, counter);
    }
    return counter;
  }

  /** Closes the window that began at `windowStartMs`, before offset `end`. */
  closeWindow(windowStartMs: number, end: number): PlannedObject[] {
    const { frames, counters } = this.#window;
    if (counters.size === 0) return [];
    this.#window = { frames: [], counters: new Map() };
    const hour = this.#hour(windowStartMs);
    hour.end = end;
    hour.counters.push(...[...counters].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, counter]) => counter));
    hour.marks.push(...this.#marks);
    this.#marks = [];
    if (frames.length === 0) return [];
    const { avroCodec: codec } = this.#config;
    return [this.#plan('frames', windowStartMs, end, (metadata) => writeAvro(FRAME_TABLE, frames, { codec, metadata }))];
  }

  /** Closes the cut, whose last window is closed. */
  finish(): PlannedObject[] {
    const { avroCodec: codec } = this.#config;
    return this.#hours.flatMap(({ startMs, end, marks, counters }) => {
      const statistics = this.#plan('statistics', startMs, end, async (metadata) =>
        writeParquet(
          STATISTICS_TABLE,
          counters.map((counter) => counter.row()),
          metadata,
        ),
      );
      if (marks.length === 0) return [statistics];
      return [this.#plan('marks', startMs, end, (metadata) => writeAvro(MARK_TABLE, marks, { codec, metadata })), statistics];
    });
  }

  #hour(windowStartMs: number): Hour {
    const startMs = windowStartMs - (windowStartMs % HOUR_MS);
    const last = this.#hours.at(-1);
    if (last?.startMs === startMs) return last;
    const hour = { startMs, end: 0, marks: [], counters: [] };
    this.#hours.push(hour);
    return hour;
  }

  #plan(
    output: HourlyOutput,
    timeMs: number,
    end: number,
    encode: (metadata: Record<string, string>) => Promise<{ bytes: Uint8Array; digest: string }>,
  ): PlannedObject {
    const range: OffsetRange = { start: this.#covered[output], end };
    this.#covered[output] = end;
    const metadata = {
      'hayate.log': this.#name.log,
      'hayate.partition': String(this.#name.partition),
      'hayate.start': String(range.start),
      'hayate.end': String(range.end),
    };
    return { key: hourlyKey(output, this.#name, timeMs, range), output, encode: () => encode(metadata) };
  }
}
