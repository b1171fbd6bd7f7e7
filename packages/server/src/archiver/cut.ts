// One cut of one partition: a manifest and log entries in, objects and the next manifest out. Pure and deterministic: what
// comes out depends on the manifest and the entries alone, not on how they are batched, when or by whom they are read.
import { fromBinary } from '@bufbuild/protobuf';
import {
  AudioSchema,
  epochText,
  type FrameHeader,
  framePayload,
  isStreamName,
  Kind,
  Limits,
  opusPacketSamples,
  peekFrame,
  StreamHeaderSchema,
} from '@hayate/protocol';
import { type Batch, type Record as LogRecord, RecordSchema } from '@hayate/protocol/server';
import type { CutConfig } from '../archive/cut-config.ts';
import { FRAME_TABLE, frameRow, sortedLabels } from '../archive/frame-row.ts';
import { type Manifest, makeManifest } from '../archive/manifest.ts';
import { markRows } from '../archive/mark-row.ts';
import { safeNumber } from '../archive/safe-number.ts';
import type { StatisticsCounter } from '../archive/statistics-row.ts';
import { HayateError } from '../kernel/error.ts';
import type { LogEntry } from '../log/log.ts';
import { CutRows } from './cut-rows.ts';
import { CutVoice } from './cut-voice.ts';
import { EpochMemory } from './epoch-memory.ts';
import type { PlannedObject } from './planned-object.ts';

/** What one entry held, for the metrics. */
export interface EntryCounts {
  frames: number;
  duplicates: number;
}

interface EpochInCut {
  memory: EpochMemory;
  voice: CutVoice;
}

/** Builds one cut. Entries are offered to `accepts` and taken with `add`; `finish` ends it. */
export class CutBuilder {
  readonly manifest: Manifest;
  readonly #config: CutConfig;
  readonly #rows: CutRows;
  /** By stream and epoch. */
  readonly #epochs = new Map<string, EpochInCut>();
  #nextOffset: number;
  #windowStartMs: number;
  #firstWindowStartMs: number | undefined;
  #valueBytes = 0;
  #batches = 0;
  #ended = false;
  #planned: PlannedObject[] = [];

  constructor(manifest: Manifest) {
    const { log, partition, start, config, state } = manifest;
    this.manifest = manifest;
    this.#config = config;
    this.#rows = new CutRows({ log, partition }, config, state.covered);
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

  /** Bytes of the values taken. */
  get valueBytes(): number {
    return this.#valueBytes;
  }

  /** Whether no further entry belongs to it: time to `finish`, though only `accepts` knows of the next window. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether the cut goes on with this entry. If not, `finish` it and begin the next. */
  accepts(entry: LogEntry): boolean {
    if (this.#ended) return false;
    const elapsedMs = this.#windowOf(entry) - (this.#firstWindowStartMs ?? this.#windowOf(entry));
    return elapsedMs < this.#config.windowsPerCut * this.#config.windowMs;
  }

  /** Takes an entry that `accepts` agrees to. Throws CORRUPT if it is not what a streamer or an archiver appends. */
  add(entry: LogEntry): EntryCounts {
    if (entry.offset !== this.#nextOffset) throw corrupt(entry, `offset ${this.#nextOffset} comes next`);
    const { body } = decodeRecord(entry);
    const windowStartMs = this.#windowOf(entry);
    if (windowStartMs !== this.#windowStartMs) this.#planned.push(...this.#rows.closeWindow(this.#windowStartMs, entry.offset));
    this.#windowStartMs = windowStartMs;
    this.#firstWindowStartMs ??= windowStartMs;
    this.#nextOffset = entry.offset + 1;
    this.#valueBytes += entry.value.length;
    const counts = body.case === 'batch' ? this.#addBatch(entry, body.value) : { frames: 0, duplicates: 0 };
    this.#ended = (body.case === 'tick' && body.value.cut) || this.#valueBytes >= this.#config.cutBytes;
    return counts;
  }

  /** Objects that are complete and have not been taken yet. */
  takePlanned(): PlannedObject[] {
    return this.#planned.splice(0);
  }

  /** Ends the cut behind the last entry taken. Then `takePlanned`, and `nextManifest` when these are stored. */
  finish(): void {
    this.#planned.push(...this.#rows.closeWindow(this.#windowStartMs, this.#nextOffset));
    for (const { voice } of this.#sortedEpochs()) this.#planned.push(...voice.finish());
    this.#planned.push(...this.#rows.finish());
  }

  /** The manifest of the cut that follows; `objects` is everything that this cut wrote, `config` what is to be in force. */
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

  #addBatch(entry: LogEntry, batch: Batch): EntryCounts {
    if (batch.stream !== entry.key || !isStreamName(batch.stream) || batch.epoch === 0n)
      throw corrupt(entry, 'a batch of no or another stream');
    this.#batches++;
    const { memory, voice } = this.#epochs.get(epochKey(batch)) ?? this.#enter(new EpochMemory(batch.stream, batch.epoch));
    memory.windowStartMs = this.#windowStartMs;
    const { frames, counter } = this.#rows.broadcast(batch.stream, epochText(batch.epoch), this.#windowStartMs, entry);
    counter.batch(entry, sortedLabels(batch.labels), batch.viewers);
    const counts = { frames: 0, duplicates: 0 };
    for (const [index, labelled] of batch.frames.entries()) {
      const header = peek(entry, batch, labelled.frame);
      const nextSequence = memory.nextSequence;
      if (!memory.seen.add(header.sequence)) {
        counter.duplicate();
        counts.duplicates++;
        continue;
      }
      counts.frames++;
      frames.append(FRAME_TABLE, frameRow(this.#partitionName, entry, batch, index, labelled, header));
      counter.frame(header, labelled.frame.length, nextSequence);
      this.#readPayload(memory, voice, header, framePayload(labelled.frame, header), counter);
      const originUs = memory.header?.originUnixUs ?? 0;
      if (originUs > 0) counter.delay(safeNumber(labelled.receivedUnixUs) - originUs - header.captureUs);
    }
    counter.title(memory.header?.title ?? '');
    for (const { first, last } of batch.dropped) counter.dropped(memory.addDropped(safeNumber(first), safeNumber(last)));
    // Who was given up for lost may come back.
    memory.ended = batch.end !== undefined || (memory.ended && counts.frames === 0);
    for (const mark of markRows(this.#partitionName, entry, batch)) this.#rows.addMark(mark);
    return counts;
  }

  get #partitionName(): { log: string; partition: number } {
    return { log: this.manifest.log, partition: this.manifest.partition };
  }

  /** HEADER and AUDIO. The frame itself is kept whatever its payload: one that cannot be read is only counted. */
  #readPayload(memory: EpochMemory, voice: CutVoice, header: FrameHeader, payload: Uint8Array, counter: StatisticsCounter): void {
    try {
      if (header.kind === Kind.HEADER) memory.addHeader(header.sequence, fromBinary(StreamHeaderSchema, payload));
      if (header.kind !== Kind.AUDIO) return;
      const audio = fromBinary(AudioSchema, payload);
      const samples = audio.packets.reduce((sum, packet) => sum + opusPacketSamples(packet), 0);
      if (samples === 0) throw new Error('no packets');
      counter.audio(header, audio, samples);
      const placed = header.participant < Limits.participantsMax && header.position + samples <= Limits.numberMax;
      if (!placed) counter.audioDisplaced();
      else
        voice.add(header.participant, { sequence: header.sequence, position: header.position, packets: audio.packets, samples, counter });
    } catch {
      counter.unreadable();
    }
  }

  #enter(memory: EpochMemory): EpochInCut {
    const epoch = { memory, voice: new CutVoice(memory, this.#config) };
    this.#epochs.set(epochKey(memory), epoch);
    return epoch;
  }

  #sortedEpochs(): EpochInCut[] {
    return [...this.#epochs.values()].sort((a, b) => EpochMemory.compare(a.memory, b.memory));
  }

  /** Start of the running maximum of floor(append time / window), this entry included; Unix milliseconds. */
  #windowOf({ appendTimeMs }: LogEntry): number {
    return Math.max(this.#windowStartMs, appendTimeMs - (appendTimeMs % this.#config.windowMs));
  }
}

function epochKey({ stream, epoch }: { stream: string; epoch: bigint }): string {
  return `${stream}/${epochText(epoch)}`;
}

function decodeRecord(entry: LogEntry): LogRecord {
  let record: LogRecord;
  try {
    record = fromBinary(RecordSchema, entry.value);
  } catch (cause) {
    throw corrupt(entry, 'not a record', cause);
  }
  if (record.body.case === undefined) throw corrupt(entry, 'a record of no known kind');
  return record;
}

function peek(entry: LogEntry, batch: Batch, frame: Uint8Array): FrameHeader {
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
