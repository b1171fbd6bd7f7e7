// Gathers the rows of one cut by window. Frames are written as each window closes, marks and
// statistics by hour at the end of the cut. An output's objects cover the offsets without gap or
// overlap: each begins where the previous one ended.

import { broadcastKey, compareBroadcasts } from '../../archive/layout/broadcast-name.ts';
import type { CutConfig } from '../../archive/layout/cut-config.ts';
import { hourOf } from '../../archive/layout/hour.ts';
import type { PartitionState } from '../../archive/layout/manifest.ts';
import { type HourlyOutput, hourlyKey, type OffsetRange, type PartitionName } from '../../archive/layout/path.ts';
import { FRAME_TABLE } from '../../archive/row/frame-row.ts';
import { MARK_TABLE, type MarkRow } from '../../archive/row/mark-row.ts';
import { type BatchPlace, STATISTICS_TABLE, StatisticsCounter } from '../../archive/row/statistics-row.ts';
import { AvroBlocks, packAvroSections, writeAvro } from '../../format/avro/index.ts';
import { writeParquet } from '../../format/parquet/index.ts';
import type { BufferSource } from '../../kernel/buffer-pool.ts';
import { FrameRowEncoder } from './frame-row-encoder.ts';
import type { PlannedObject } from './planned-object.ts';

/** One broadcast in the open window. */
interface OpenBroadcast {
  stream: string;
  epoch: string;
  frames: AvroBlocks;
  encoder: FrameRowEncoder;
  counter: StatisticsCounter;
}

interface Hour {
  startMs: number;
  /** The offset after its last entry. */
  end: number;
  marks: MarkRow[];
  counters: StatisticsCounter[];
}

/** Gathers rows; `closeWindow` and `finish` return objects. */
export class CutRows {
  readonly #name: PartitionName;
  readonly #config: CutConfig;
  readonly #covered: PartitionState['covered'];
  readonly #buffers: BufferSource | undefined;
  readonly #hours: Hour[] = [];
  /** By stream and epoch. */
  #window = new Map<string, OpenBroadcast>();
  #marks: MarkRow[] = [];

  constructor(name: PartitionName, config: CutConfig, covered: PartitionState['covered'], buffers: BufferSource | undefined) {
    this.#name = name;
    this.#config = config;
    this.#buffers = buffers;
    this.#covered = { ...covered };
  }

  /** The offset at which the next object of each output begins. */
  get covered(): PartitionState['covered'] {
    return { ...this.#covered };
  }

  addMark(row: MarkRow): void {
    this.#marks.push(row);
  }

  /** Returns a broadcast in the open window. The log has a batch of it at `place`. */
  broadcast(stream: string, epoch: string, windowStartMs: number, place: BatchPlace): OpenBroadcast {
    const key = broadcastKey({ stream, epoch });
    let broadcast = this.#window.get(key);
    if (broadcast === undefined) {
      const counter = new StatisticsCounter({ ...this.#name, stream, epoch, windowStartMs, windowMs: this.#config.windowMs }, place);
      broadcast = { stream, epoch, frames: new AvroBlocks(this.#buffers), encoder: new FrameRowEncoder(this.#name), counter };
      this.#window.set(key, broadcast);
    }
    return broadcast;
  }

  /** Closes the window that began at `windowStartMs`, before offset `end`. */
  closeWindow(windowStartMs: number, end: number): PlannedObject[] {
    if (this.#window.size === 0) return [];
    const broadcasts = [...this.#window.values()].sort(compareBroadcasts);
    this.#window = new Map();
    const hour = this.#hour(windowStartMs);
    hour.end = end;
    for (const { counter } of broadcasts) hour.counters.push(counter);
    for (const mark of this.#marks.splice(0)) hour.marks.push(mark);
    const framed = broadcasts.filter(({ frames }) => frames.rows > 0);
    if (framed.length === 0) return [];
    const { avroCodec: codec } = this.#config;
    const sections = framed.map(({ stream, epoch, frames }) => ({ name: [stream, epoch], blocks: frames.finish() }));
    const object = this.#plan('frames', windowStartMs, end, (metadata) => packAvroSections(FRAME_TABLE, sections, { codec, metadata }));
    const release = () => {
      for (const { frames } of framed) frames.release();
    };
    return [{ ...object, bytes: framed.reduce((sum, { frames }) => sum + frames.heldBytes, 0), release }];
  }

  /** Ends the cut after its last window is closed. */
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
    const startMs = hourOf(windowStartMs);
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
    return { key: hourlyKey(output, this.#name, timeMs, range), output, bytes: 0, encode: () => encode(metadata) };
  }
}
