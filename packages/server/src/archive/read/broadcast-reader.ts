// Replays from the archive: returns a broadcast's frames of a stretch of capture time, by sequence
// and in their original encoding, with the frames that a decoder needs to begin there. It reads
// only the windows of the stretch, and of them only the broadcast's section.

import { framePayload, Kind, peekFrame, readStrictly, type StreamHeader, StreamHeaderSchema, WireError } from '@hayate/protocol';
import { HayateError } from '../../kernel/error.ts';
import type { Store } from '../../store/store.ts';
import { type BroadcastName, broadcastKey } from '../layout/broadcast-name.ts';
import { readErasure } from '../layout/erasure-record.ts';
import { HOUR_MS } from '../layout/hour.ts';
import { type HourlyName, hourlyPrefix, parseHourlyKey } from '../layout/path.ts';
import { readRetained } from '../layout/retained.ts';
import type { FrameRow } from '../row/frame-row.ts';
import type { BroadcastIndex } from './broadcast-index.ts';
import { type BroadcastRecord, type BroadcastWindow, readRecord } from './broadcast-record.ts';
import { FrameReader } from './frame-reader.ts';

/** Capture times from `fromMs` to before `toMs`, milliseconds since the epoch began. */
interface CaptureStretch {
  fromMs: number;
  toMs: number;
}

/**
 * How far before a stretch keys are searched. Broadcasters promise a key each second; searching a
 * whole window is cheap.
 */
const LEAD_IN_MS = 10_000;
/**
 * Windows read for one stretch. Frames beyond them (of a broadcaster whose clock jumps) are left
 * out.
 */
const WINDOWS_MAX = 48;
/** Windows searched for a header before those of the stretch. */
const HEADER_WINDOWS_MAX = 8;
const RECORDS_MAX = 64;
/** How long a record is cached; shorter for a broadcast that may still continue. */
const RECORD_MS = 300_000;
const OPEN_RECORD_MS = 5_000;
const KEY_FLAG = 1;

/** Reads broadcasts of one archive. */
export class BroadcastReader {
  readonly #store: Store;
  readonly #index: BroadcastIndex;
  readonly #now: () => number;
  readonly #records = new Map<string, { record: Promise<BroadcastRecord | undefined>; untilMs: number }>();

  /** `now` gives Unix milliseconds. */
  constructor(store: Store, index: BroadcastIndex, now: () => number) {
    this.#store = store;
    this.#index = index;
    this.#now = now;
  }

  /** Returns the broadcast's record. Throws NOT_FOUND, GONE if it was erased, CORRUPT. */
  async record(name: BroadcastName): Promise<BroadcastRecord> {
    if ((await readErasure(this.#store, name)) !== undefined) throw new HayateError('GONE', 'this broadcast has been erased');
    const key = broadcastKey(name);
    const held = this.#records.get(key);
    if (held !== undefined && this.#now() < held.untilMs) return found(await held.record);
    const record = readRecord(this.#store, this.#index, name);
    this.#records.delete(key);
    this.#records.set(key, { record, untilMs: this.#now() + OPEN_RECORD_MS });
    for (const oldest of this.#records.keys()) {
      if (this.#records.size <= RECORDS_MAX) break;
      this.#records.delete(oldest);
    }
    record.then(
      (read) => {
        const isOver = read !== undefined && this.#now() - read.broadcast.lastAppendMs > 2 * HOUR_MS;
        if (isOver) this.#records.set(key, { record, untilMs: this.#now() + RECORD_MS });
      },
      () => this.#records.delete(key),
    );
    return found(await record);
  }

  /**
   * Returns the key of each window's frames object, undefined where there is none. Makes one
   * listing for each hour.
   */
  async framesKeys(windows: readonly BroadcastWindow[]): Promise<(string | undefined)[]> {
    const hours = new Map<string, Promise<{ key: string; name: HourlyName }[]>>();
    return Promise.all(
      windows.map(async (window) => {
        const prefix = hourlyPrefix('frames', window, window.startMs);
        const hour = hours.get(prefix) ?? this.#listHour(prefix);
        hours.set(prefix, hour);
        return (await hour).find(({ name }) => name.start <= window.firstOffset && window.firstOffset < name.end)?.key;
      }),
    );
  }

  /**
   * Returns the broadcast's latest header; undefined if it cannot be read or is no longer kept.
   * Throws NOT_FOUND, GONE if it was erased, CORRUPT.
   */
  async header(name: BroadcastName): Promise<StreamHeader | undefined> {
    const { broadcast } = await this.record(name);
    try {
      for (const frame of await this.frames(name, { fromMs: broadcast.durationMs, toMs: broadcast.durationMs })) {
        const header = peekFrame(frame);
        const said = header.kind === Kind.HEADER ? readHeader(framePayload(frame, header)) : undefined;
        if (said !== undefined) return said;
      }
    } catch (error) {
      if (!(error instanceof HayateError) || error.code !== 'GONE') throw error;
    }
    return undefined;
  }

  /**
   * Returns encoded frames by sequence: all that were captured in the stretch, and before it the
   * latest header and the latest key of each kind and participant. Throws NOT_FOUND, GONE if they
   * were erased or are no longer kept, CORRUPT.
   */
  async frames(name: BroadcastName, { fromMs, toMs }: CaptureStretch): Promise<Uint8Array[]> {
    const { windows } = await this.record(name);
    const [fromUs, toUs] = [fromMs * 1000, toMs * 1000];
    const wanted = windows.filter(
      ({ captureUs }) => captureUs !== undefined && captureUs.last >= fromUs - LEAD_IN_MS * 1000 && captureUs.first < toUs,
    );
    const rows: FrameRow[] = [];
    const keys = await this.framesKeys(wanted.slice(0, WINDOWS_MAX));
    for (const [i, window] of wanted.slice(0, WINDOWS_MAX).entries()) {
      const isOfStretch = (window.captureUs?.last ?? 0) >= fromUs;
      rows.push(...(isOfStretch ? await this.#rows(name, window, keys[i]) : await this.#rowsIfKept(name, window, keys[i])));
    }
    const leadIn = leadInOf(rows, fromUs);
    const header = leadIn.find(({ kind }) => kind === Kind.HEADER) ?? (await this.#headerBefore(name, windows, wanted, fromUs));
    const frames = rows.filter(({ capture_us }) => capture_us >= fromUs && capture_us < toUs);
    const all = new Set([...(header === undefined ? [] : [header]), ...leadIn, ...frames]);
    return [...all].sort((a, b) => a.sequence - b.sequence).map(({ frame }) => frame);
  }

  /**
   * Finds the latest header captured before `fromUs` in the windows that were not read for the
   * stretch.
   */
  async #headerBefore(
    name: BroadcastName,
    windows: readonly BroadcastWindow[],
    read: readonly BroadcastWindow[],
    fromUs: number,
  ): Promise<FrameRow | undefined> {
    const before = windows.filter(
      (window) => window.headerFrames > 0 && (window.captureUs?.first ?? fromUs) < fromUs && !read.includes(window),
    );
    const latest = before.reverse().slice(0, HEADER_WINDOWS_MAX);
    const keys = await this.framesKeys(latest);
    for (const [i, window] of latest.entries()) {
      const header = leadInOf(await this.#rowsIfKept(name, window, keys[i]), fromUs).find(({ kind }) => kind === Kind.HEADER);
      if (header !== undefined) return header;
    }
    return undefined;
  }

  async #listHour(prefix: string): Promise<{ key: string; name: HourlyName }[]> {
    const objects: { key: string; name: HourlyName }[] = [];
    for await (const { key } of this.#store.list(prefix)) {
      const name = parseHourlyKey(key);
      if (name !== undefined) objects.push({ key, name });
    }
    return objects;
  }

  /** Reads rows that are useful but were not requested; returns none if they are no longer kept. */
  async #rowsIfKept(name: BroadcastName, window: BroadcastWindow, key: string | undefined): Promise<FrameRow[]> {
    return this.#rows(name, window, key).catch((error: unknown) => {
      if (error instanceof HayateError && error.code === 'GONE') return [];
      throw error;
    });
  }

  async #rows({ stream, epoch }: BroadcastName, window: BroadcastWindow, key: string | undefined): Promise<FrameRow[]> {
    try {
      if (key === undefined) throw new HayateError('NOT_FOUND', 'there is no such object');
      const reader = await FrameReader.open(this.#store, key);
      const section = reader.section(stream, epoch);
      return section === undefined ? [] : await reader.read(section);
    } catch (error) {
      if (!(error instanceof HayateError) || error.code !== 'NOT_FOUND') throw error;
      // The statistics list the object, but it is missing: either retention deleted it or something
      // is wrong.
      if (window.firstOffset < (await readRetained(this.#store, window)).frames)
        throw new HayateError('GONE', 'this part of the broadcast is no longer kept', { cause: error });
      throw new HayateError('CORRUPT', `a frames object of ${hourlyPrefix('frames', window, window.startMs)} is missing`, { cause: error });
    }
  }
}

function found(record: BroadcastRecord | undefined): BroadcastRecord {
  if (record === undefined) throw new HayateError('NOT_FOUND', 'the archive has no such broadcast');
  return record;
}

/**
 * Returns the frames needed to begin at `fromUs`: the latest header, and the latest key of each
 * kind and participant.
 */
function leadInOf(rows: readonly FrameRow[], fromUs: number): FrameRow[] {
  const latest = new Map<string, FrameRow>();
  for (const row of rows) {
    const isHeader = row.kind === Kind.HEADER;
    if (row.capture_us >= fromUs || row.kind === Kind.AUDIO || row.kind === Kind.EVENT || (!isHeader && (row.flags & KEY_FLAG) === 0))
      continue;
    const track = isHeader ? `${row.kind}` : `${row.kind} ${row.participant}`;
    if (row.sequence >= (latest.get(track)?.sequence ?? 0)) latest.set(track, row);
  }
  return [...latest.values()];
}

/**
 * Reads a HEADER payload; undefined if it is unreadable. The archiver has counted such payloads.
 */
function readHeader(payload: Uint8Array): StreamHeader | undefined {
  try {
    return readStrictly(StreamHeaderSchema, payload);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}
