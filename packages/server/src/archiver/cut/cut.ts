// Builds one cut of one partition: turns a manifest and log entries into objects and the next
// manifest. Pure and deterministic: the result depends only on the manifest and the entries, not on
// how entries are batched, when they are read, or by which process.
import {
  AudioReader,
  type AudioView,
  epochText,
  type FrameHeader,
  framePayload,
  isStreamName,
  Kind,
  Limits,
  peekFrame,
  readStrictly,
  StreamHeaderSchema,
} from '@hayate/protocol';
import type { CutConfig } from '../../archive/layout/cut-config.ts';
import { type Manifest, makeManifest } from '../../archive/layout/manifest.ts';
import { markRows } from '../../archive/row/mark-row.ts';
import { safeNumber } from '../../archive/row/safe-number.ts';
import type { StatisticsCounter } from '../../archive/row/statistics-row.ts';
import type { BufferSource } from '../../kernel/buffer-pool.ts';
import { HayateError } from '../../kernel/error.ts';
import { Pace } from '../../kernel/pace.ts';
import type { LogEntry } from '../../log/log.ts';
import { CutRows } from './cut-rows.ts';
import { CutVoice } from './cut-voice.ts';
import { EpochMemory } from './epoch-memory.ts';
import type { PlannedObject } from './planned-object.ts';
import { type BatchView, RecordReader, type RecordView } from './record-reader.ts';

/** The contents of one entry, counted for the metrics. */
interface EntryCounts {
  frames: number;
  duplicates: number;
}

interface EpochInCut {
  epochText: string;
  memory: EpochMemory;
  voice: CutVoice;
}

/**
 * Builds one cut. Callers offer each entry to `accepts`, take it with `add`, and end the cut with
 * `finish`.
 */
export class CutBuilder {
  readonly manifest: Manifest;
  readonly #config: CutConfig;
  readonly #buffers: BufferSource | undefined;
  readonly #rows: CutRows;
  /** By stream and epoch. */
  readonly #epochs = new Map<string, EpochInCut>();
  #lastEpoch: EpochInCut | undefined;
  readonly #recordReader = new RecordReader();
  readonly #audioReader = new AudioReader();
  #frameBytes = 0;
  /** Bytes of frames in closed windows that are not stored yet. */
  #closedBytes = 0;
  #audioBytes = 0;
  #nextOffset: number;
  #windowStartMs: number;
  #firstWindowStartMs: number | undefined;
  #valueBytes = 0;
  #batches = 0;
  #ended = false;
  #planned: PlannedObject[] = [];

  /** Takes memory for gathered data from `buffers`, or allocates it. */
  constructor(manifest: Manifest, buffers?: BufferSource) {
    const { log, partition, start, config, state } = manifest;
    this.manifest = manifest;
    this.#config = config;
    this.#buffers = buffers;
    this.#rows = new CutRows({ log, partition }, config, state.covered, buffers);
    this.#nextOffset = start;
    this.#windowStartMs = state.windowStartMs;
    for (const epoch of state.epochs) this.#enter(EpochMemory.fromState(epoch));
  }

  /** The offset after the last entry taken. */
  get nextOffset(): number {
    return this.#nextOffset;
  }

  /** Whether it holds batches, not only ticks. */
  get hasData(): boolean {
    return this.#batches > 0;
  }

  /** Total bytes of the values taken. */
  get valueBytes(): number {
    return this.#valueBytes;
  }

  /** Memory of gathered frames and packets that have not been released. */
  get heldBytes(): number {
    return this.#frameBytes + this.#closedBytes + this.#audioBytes;
  }

  /**
   * Whether no further entry belongs to it, so that it is time to `finish`. Only `accepts` sees
   * that the next window has begun.
   */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether the entry belongs to this cut. If not, `finish` this cut and begin the next. */
  accepts(entry: LogEntry): boolean {
    if (this.#ended) return false;
    const elapsedMs = this.#windowOf(entry) - (this.#firstWindowStartMs ?? this.#windowOf(entry));
    return elapsedMs < this.#config.windowsPerCut * this.#config.windowMs;
  }

  /**
   * Takes an entry that `accepts` allows. Throws CORRUPT if no streamer or archiver would append
   * it.
   */
  add(entry: LogEntry): EntryCounts {
    if (entry.offset !== this.#nextOffset) throw corrupt(entry, `expected offset ${this.#nextOffset}`);
    const record = this.#readRecord(entry);
    const windowStartMs = this.#windowOf(entry);
    if (windowStartMs !== this.#windowStartMs) this.#closeWindow(entry.offset);
    this.#windowStartMs = windowStartMs;
    this.#firstWindowStartMs ??= windowStartMs;
    this.#nextOffset = entry.offset + 1;
    this.#valueBytes += entry.value.length;
    const counts = record.kind === 'batch' ? this.#addBatch(entry, record.batch) : { frames: 0, duplicates: 0 };
    this.#ended = (record.kind === 'tick' && record.cut) || this.#valueBytes >= this.#config.cutBytes;
    return counts;
  }

  /** Whether there are objects to take. */
  get hasPlanned(): boolean {
    return this.#planned.length > 0;
  }

  /** Returns objects that are complete and have not been taken yet. */
  takePlanned(): PlannedObject[] {
    return this.#planned.splice(0);
  }

  /**
   * Ends the cut after the last entry taken, yielding to the event loop now and then. Afterwards
   * call `takePlanned`, and `nextManifest` when these objects are stored.
   */
  async finish(): Promise<void> {
    const pace = new Pace();
    this.#closeWindow(this.#nextOffset);
    for (const { voice } of this.#sortedEpochs()) {
      this.#planned.push(...voice.finish());
      if (pace.over) await pace.giveWay();
    }
    this.#planned.push(...this.#rows.finish());
  }

  /** Releases the memory when everything is stored. */
  release(): void {
    for (const { voice } of this.#epochs.values()) voice.release();
    this.#audioBytes = 0;
  }

  /**
   * Returns the manifest of the next cut. `objects` lists everything that this cut wrote; `config`
   * is the next cut's configuration.
   */
  nextManifest(objects: readonly { key: string; digest: string }[], config: CutConfig): Manifest {
    const { log, partition, start } = this.manifest;
    const forgottenMs = this.#windowStartMs - this.#config.epochMemoryMs;
    const remembered = this.#sortedEpochs().filter(({ memory }) => memory.windowStartMs >= forgottenMs);
    return makeManifest({
      log,
      partition,
      start: this.#nextOffset,
      config,
      previous: { start, objects: objects.map(({ key, digest }) => ({ key, digest })).sort((a, b) => (a.key < b.key ? -1 : 1)) },
      state: { windowStartMs: this.#windowStartMs, covered: this.#rows.covered, epochs: remembered.map(({ memory }) => memory.toState()) },
    });
  }

  #closeWindow(end: number): void {
    const frameBytes = this.#frameBytes;
    this.#frameBytes = 0;
    for (const object of this.#rows.closeWindow(this.#windowStartMs, end)) {
      this.#closedBytes += frameBytes;
      const release = () => {
        object.release?.();
        this.#closedBytes -= frameBytes;
      };
      this.#planned.push({ ...object, release });
    }
  }

  #addBatch(entry: LogEntry, batch: BatchView): EntryCounts {
    if (batch.stream !== entry.key || !isStreamName(batch.stream) || batch.epoch === 0n)
      throw corrupt(entry, 'a batch without a stream or of another stream');
    this.#batches++;
    const { memory, voice, epochText } = this.#epoch(batch);
    memory.windowStartMs = this.#windowStartMs;
    const { frames, encoder, counter } = this.#rows.broadcast(batch.stream, epochText, this.#windowStartMs, entry);
    counter.batch(entry, batch.labels, batch.viewers);
    encoder.beginBatch(entry.offset, entry.appendTimeMs, batch);
    const heldBytes = frames.heldBytes;
    const counts = { frames: 0, duplicates: 0 };
    for (let index = 0; index < batch.frameCount; index++) {
      const frame = entry.value.subarray(batch.frameStarts[index], batch.frameEnds[index]);
      const header = peek(entry, batch, frame);
      const nextSequence = memory.nextSequence;
      if (!memory.seen.add(header.sequence)) {
        counter.duplicate();
        counts.duplicates++;
        continue;
      }
      counts.frames++;
      const receivedUs = batch.receivedUs[index] ?? 0;
      encoder.append(frames, index, header, receivedUs, frame);
      counter.frame(header, frame.length, nextSequence);
      if (header.kind === Kind.AUDIO) this.#takeAudio(voice, header, framePayload(frame, header), counter);
      else if (header.kind === Kind.HEADER) takeHeader(memory, header, framePayload(frame, header), counter);
      const originUs = memory.header?.originUnixUs ?? 0;
      if (originUs > 0) counter.delay(receivedUs - originUs - header.captureUs);
    }
    this.#frameBytes += frames.heldBytes - heldBytes;
    counter.title(memory.header?.title ?? '');
    const { dropped = [], end } = batch.rest ?? {};
    for (const { first, last } of dropped) counter.dropped(memory.addDropped(safeNumber(first), safeNumber(last)));
    // A broadcast that was given up for lost may come back.
    memory.ended = end !== undefined || (memory.ended && counts.frames === 0);
    if (batch.rest !== undefined) for (const mark of markRows(this.#partitionName, entry, batch, batch.rest)) this.#rows.addMark(mark);
    return counts;
  }

  get #partitionName(): { log: string; partition: number } {
    return { log: this.manifest.log, partition: this.manifest.partition };
  }

  /** The frame itself is kept whatever its payload; an unreadable payload is only counted. */
  #takeAudio(voice: CutVoice, header: FrameHeader, payload: Uint8Array, counter: StatisticsCounter): void {
    let audio: AudioView;
    try {
      audio = this.#audioReader.read(payload);
    } catch {
      counter.unreadable();
      return;
    }
    counter.audio(header.captureUs, audio);
    const placed = header.participant < Limits.participantsMax && header.position + audio.samples <= Limits.numberMax;
    if (placed) this.#audioBytes += voice.add(header, audio, counter);
    else counter.audioDisplaced();
  }

  #epoch({ stream, epoch }: BatchView): EpochInCut {
    const last = this.#lastEpoch;
    if (last?.memory.stream === stream && last.memory.epoch === epoch) return last;
    this.#lastEpoch = this.#epochs.get(epochKey({ stream, epoch })) ?? this.#enter(new EpochMemory(stream, epoch));
    return this.#lastEpoch;
  }

  #readRecord(entry: LogEntry): Exclude<RecordView, { kind: 'unknown' }> {
    let record: RecordView;
    try {
      record = this.#recordReader.read(entry.value);
    } catch (cause) {
      throw corrupt(entry, 'not a record', cause);
    }
    if (record.kind === 'unknown') throw corrupt(entry, 'a record of unknown kind');
    return record;
  }

  #enter(memory: EpochMemory): EpochInCut {
    const epoch = { memory, voice: new CutVoice(memory, this.#config, this.#buffers), epochText: epochText(memory.epoch) };
    this.#epochs.set(epochKey(memory), epoch);
    return epoch;
  }

  #sortedEpochs(): EpochInCut[] {
    return [...this.#epochs.values()].sort((a, b) => EpochMemory.compare(a.memory, b.memory));
  }

  /**
   * Start of the running maximum of floor(append time / window), including this entry; Unix
   * milliseconds.
   */
  #windowOf({ appendTimeMs }: LogEntry): number {
    return Math.max(this.#windowStartMs, appendTimeMs - (appendTimeMs % this.#config.windowMs));
  }
}

function epochKey({ stream, epoch }: { stream: string; epoch: bigint }): string {
  return `${stream}/${epochText(epoch)}`;
}

/** A HEADER that cannot be read is kept as a frame, and counted. */
function takeHeader(memory: EpochMemory, { sequence }: FrameHeader, payload: Uint8Array, counter: StatisticsCounter): void {
  try {
    memory.addHeader(sequence, readStrictly(StreamHeaderSchema, payload));
  } catch {
    counter.unreadable();
  }
}

function peek(entry: LogEntry, batch: BatchView, frame: Uint8Array): FrameHeader {
  let header: FrameHeader;
  try {
    header = peekFrame(frame);
  } catch (cause) {
    throw corrupt(entry, 'a frame that cannot be read', cause);
  }
  if (header.stream !== batch.stream || header.epoch !== batch.epoch) throw corrupt(entry, 'a frame of another stream or epoch');
  return header;
}

function corrupt(entry: LogEntry, what: string, cause?: unknown): HayateError {
  return new HayateError('CORRUPT', `log entry ${entry.offset}: ${what}`, cause === undefined ? {} : { cause });
}
