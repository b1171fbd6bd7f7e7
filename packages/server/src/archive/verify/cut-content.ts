// Reads the objects of one stored cut, between the manifests before and after it. Each object is
// read whole and checked alone: that it exists, that it carries the digest that the manifest names,
// and that its content matches that digest. It holds one cut's objects, which the log's `cutBytes`
// bounds; frames and voice are decoded when their broadcast is checked.

import { epochText } from '@hayate/protocol';
import { readAvro } from '../../format/avro/index.ts';
import { readOggOpusHeaders } from '../../format/ogg/index.ts';
import { concurrently } from '../../kernel/concurrently.ts';
import { HayateError } from '../../kernel/error.ts';
import type { Store } from '../../store/store.ts';
import { STORE_CONCURRENCY } from '../../store/store-concurrency.ts';
import { encodeErasedAudio, isErasedAudio } from '../layout/audio-object.ts';
import { type BroadcastName, broadcastKey } from '../layout/broadcast-name.ts';
import type { ErasedSet } from '../layout/erasure-record.ts';
import type { Manifest } from '../layout/manifest.ts';
import { readObjectIdentity } from '../layout/object-digest.ts';
import { type AudioName, type HourlyName, parseAudioKey, parseHourlyKey } from '../layout/path.ts';
import type { ObjectKind, Retained } from '../layout/retained.ts';
import { type OpenFrames, openFrames } from '../read/frame-reader.ts';
import { decodeStatistics } from '../read/statistics-reader.ts';
import { MARK_TABLE, type MarkRow } from '../row/mark-row.ts';
import type { StatisticsRow } from '../row/statistics-row.ts';
import { errorText, type Report } from './finding.ts';

/** One voice object that is not erased, as it is stored. */
export interface AudioObject {
  key: string;
  name: AudioName;
  bytes: Uint8Array;
  /** The digest that it must have. */
  digest: string;
}

/** One frames object, whose rows are decoded broadcast by broadcast. */
interface FramesObject {
  key: string;
  name: HourlyName;
  file: OpenFrames;
}

/** One object of rows, without those of broadcasts that are erased or being erased. */
export interface RowObject<Row> {
  key: string;
  name: HourlyName;
  rows: Row[];
}

/** The stored content of a cut. */
export interface CutContent {
  before: Manifest;
  after: Manifest;
  frames: FramesObject[];
  marks: RowObject<MarkRow>[];
  statistics: RowObject<StatisticsRow>[];
  audio: AudioObject[];
  /** Kinds whose objects all exist (none deleted for its age) and are undamaged. */
  whole: Record<ObjectKind, boolean>;
  /** Keys of the existing objects, with their sizes in bytes. */
  present: { key: string; kind: ObjectKind; size: number }[];
}

/** Records of intended deletions. */
export interface DeletionState {
  retained: Retained;
  /** Broadcasts that have a record of erasure. */
  erased: ErasedSet;
  /** Broadcasts of which nothing may be left. */
  erasedWholly: ErasedSet;
}

type Place = { kind: 'audio'; name: AudioName } | { kind: Exclude<ObjectKind, 'audio'>; name: HourlyName };

/** Reads the cut between two manifests. */
export async function readCut(
  store: Store,
  before: Manifest,
  after: Manifest,
  deletions: DeletionState,
  report: Report,
): Promise<CutContent> {
  const reader = new CutReader(store, before, after, deletions, report);
  await concurrently(after.previous?.objects ?? [], STORE_CONCURRENCY, (object) => reader.read(object));
  return reader.content;
}

class CutReader {
  readonly content: CutContent;
  readonly #store: Store;
  readonly #deletions: DeletionState;
  readonly #report: Report;

  constructor(store: Store, before: Manifest, after: Manifest, deletions: DeletionState, report: Report) {
    const whole = { frames: true, marks: true, statistics: true, audio: true };
    this.content = { before, after, frames: [], marks: [], statistics: [], audio: [], whole, present: [] };
    this.#store = store;
    this.#deletions = deletions;
    this.#report = report;
  }

  async read({ key, digest }: { key: string; digest: string }): Promise<void> {
    const { before, after, whole, present } = this.content;
    const place = placeOf(key, before);
    if (place === undefined) return this.#report({ rule: 'manifests', key, expected: 'an object of this partition', found: 'another key' });
    const { kind } = place;
    const bytes = await this.#store.get(key);
    if (bytes === undefined) {
      whole[kind] = false;
      if (before.start >= this.#deletions.retained[kind])
        this.#report({ rule: 'objects', key, expected: `the object that the manifest of ${after.start} names`, found: 'nothing' });
      return;
    }
    present.push({ key, kind, size: bytes.length });
    if (before.start < this.#deletions.retained.deleted[kind])
      this.#report({ rule: 'objects', key, expected: 'nothing: it was deleted for its age', found: 'an object' });
    try {
      const identity = readObjectIdentity(key, bytes);
      if (identity.digest !== digest) throw new HayateError('CORRUPT', `it has the digest ${identity.digest}`);
      if (identity.erased && this.#deletions.erased.size === 0)
        this.#report({ rule: 'erasure', key, expected: 'a record of the erasure', found: 'none' });
      if (place.kind === 'audio') this.#takeAudio(key, place.name, bytes, digest);
      else await this.#takeRows(key, place.kind, place.name, bytes);
    } catch (error) {
      whole[kind] = false;
      this.#report({ rule: 'content', key, expected: `content with the digest ${digest}`, found: errorText(error) });
    }
  }

  #takeAudio(key: string, name: AudioName, bytes: Uint8Array, digest: string): void {
    const { erased, erasedWholly } = this.#deletions;
    const broadcast = broadcastKey({ stream: name.stream, epoch: epochText(name.epoch) });
    const wrong = (expected: string, found: string) => this.#report({ rule: 'erasure', key, expected, found });
    if (isErasedAudio(readOggOpusHeaders(bytes).tags)) {
      if (!erased.has(broadcast)) wrong('a record of the erased broadcast', 'none');
      if (Buffer.compare(bytes, encodeErasedAudio(name, digest)) !== 0) wrong('only a name and a digest', 'more');
      return;
    }
    if (erasedWholly.has(broadcast)) wrong('nothing of an erased broadcast', 'its voice');
    if (!erased.has(broadcast)) this.content.audio.push({ key, name, bytes, digest });
  }

  async #takeRows(key: string, kind: Exclude<ObjectKind, 'audio'>, name: HourlyName, bytes: Uint8Array): Promise<void> {
    if (kind === 'frames') {
      const { sections, rows } = openFrames(key, bytes);
      this.content.frames.push({ key, name, file: { sections: this.#kept(key, sections), rows } });
    }
    if (kind === 'marks') this.content.marks.push({ key, name, rows: this.#kept(key, readAvro(MARK_TABLE, bytes).rows) });
    if (kind === 'statistics') this.content.statistics.push({ key, name, rows: this.#kept(key, await decodeStatistics(key, bytes)) });
  }

  #kept<Row extends BroadcastName>(key: string, rows: readonly Row[]): Row[] {
    const { erased, erasedWholly } = this.#deletions;
    const left = rows.find((row) => erasedWholly.has(broadcastKey(row)));
    if (left !== undefined)
      this.#report({ rule: 'erasure', key, expected: 'nothing of an erased broadcast', found: `rows of ${broadcastKey(left)}` });
    return rows.filter((row) => !erased.has(broadcastKey(row)));
  }
}

function placeOf(key: string, { log, partition }: Manifest): Place | undefined {
  const audio = parseAudioKey(key);
  if (audio !== undefined) return { kind: 'audio', name: audio };
  const name = parseHourlyKey(key);
  if (name === undefined || name.folder === 'hourly' || name.log !== log || name.partition !== partition) return undefined;
  return { kind: name.folder, name };
}
