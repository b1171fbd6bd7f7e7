// One cut as it is stored: the manifests before and behind it in, the content of its objects out, each read whole and checked by
// itself: that it is there, that it carries the digest that the manifest names, and that its content has the digest it carries.
// Holds one cut's objects, which the log's `cutBytes` bounds.

import { epochText } from '@hayate/protocol';
import { readAvro } from '../../format/avro/index.ts';
import { type OggOpusLink, readOggOpus } from '../../format/ogg/index.ts';
import { HayateError } from '../../kernel/error.ts';
import type { Store } from '../../store/store.ts';
import { isErasedAudio } from '../audio-object.ts';
import { broadcastKey, type ErasedSet } from '../erasure-record.ts';
import { decodeFrames } from '../frame-reader.ts';
import type { FrameRow } from '../frame-row.ts';
import type { Manifest } from '../manifest.ts';
import { MARK_TABLE, type MarkRow } from '../mark-row.ts';
import { readObjectIdentity } from '../object-digest.ts';
import { type AudioName, type HourlyName, parseAudioKey, parseHourlyKey } from '../path.ts';
import { type ObjectKind, type Retained, readRetained } from '../retained.ts';
import { decodeStatistics } from '../statistics-reader.ts';
import type { StatisticsRow } from '../statistics-row.ts';
import { audioContentDigest } from './audio-digest.ts';
import { errorText, type Report } from './finding.ts';

/** One object of voice that could be read and is not erased. */
export interface AudioContent {
  key: string;
  name: AudioName;
  link: OggOpusLink;
}

/** One object of rows. */
export interface RowObject<Row> {
  key: string;
  name: HourlyName;
  rows: Row[];
}

/** What a cut left. */
export interface CutContent {
  before: Manifest;
  after: Manifest;
  frames: RowObject<FrameRow>[];
  marks: RowObject<MarkRow>[];
  statistics: RowObject<StatisticsRow>[];
  audio: AudioContent[];
  /** Kinds of which every object is there: not deleted for their age, and none of them damaged. */
  whole: Record<ObjectKind, boolean>;
  /** Keys of the objects that are there, with their bytes. */
  present: { key: string; kind: ObjectKind; size: number }[];
}

/** What reading a cut needs. */
export interface CutReading {
  store: Store;
  retained: Retained;
  erased: ErasedSet;
  report: Report;
}

/** Reads the cut between two manifests. */
export async function readCut(before: Manifest, after: Manifest, reading: CutReading): Promise<CutContent> {
  const content: CutContent = {
    before,
    after,
    frames: [],
    marks: [],
    statistics: [],
    audio: [],
    whole: { frames: true, marks: true, statistics: true, audio: true },
    present: [],
  };
  for (const object of after.previous?.objects ?? []) await readObject(content, object, reading);
  return content;
}

async function readObject(content: CutContent, { key, digest }: { key: string; digest: string }, reading: CutReading): Promise<void> {
  const { store, erased, report } = reading;
  const place = placeOf(key, content.before);
  if (place === undefined) return report({ rule: 'manifests', key, expected: 'an object of this partition', found: 'another key' });
  const { kind } = place;
  const bytes = await store.get(key);
  if (bytes === undefined) {
    content.whole[kind] = false;
    if (await isRetired(content.before, kind, reading)) return;
    return report({ rule: 'objects', key, expected: `the object that the manifest of ${content.after.start} names`, found: 'nothing' });
  }
  content.present.push({ key, kind, size: bytes.length });
  try {
    const identity = readObjectIdentity(key, bytes);
    if (identity.digest !== digest)
      throw new HayateError('CORRUPT', `it carries the digest ${identity.digest}, the manifest names ${digest}`);
    if (identity.erased && erased.size === 0) report({ rule: 'erasure', key, expected: 'a record of what was erased', found: 'none' });
    await decode(content, place, key, bytes, reading);
  } catch (error) {
    content.whole[kind] = false;
    report({ rule: 'content', key, expected: `content with the digest ${digest}`, found: errorText(error) });
  }
}

async function decode(content: CutContent, place: Place, key: string, bytes: Uint8Array, { erased, report }: CutReading): Promise<void> {
  if (place.kind === 'audio') {
    const { name } = place;
    const [link, more] = readOggOpus(bytes);
    if (link === undefined || more !== undefined) throw new HayateError('CORRUPT', 'not one logical stream');
    const gone = erased.has(broadcastKey({ stream: name.stream, epoch: epochText(name.epoch) }));
    if (isErasedAudio(link.tags)) {
      if (!gone) report({ rule: 'erasure', key, expected: 'a record of the erased broadcast', found: 'none' });
      if (link.playedSamples > 0) report({ rule: 'erasure', key, expected: 'no voice', found: `${link.playedSamples} samples` });
      return;
    }
    const recomputed = audioContentDigest(link);
    if (recomputed !== readObjectIdentity(key, bytes).digest) throw new HayateError('CORRUPT', `the content has the digest ${recomputed}`);
    if (gone) report({ rule: 'erasure', key, expected: 'nothing of an erased broadcast', found: 'its voice' });
    content.audio.push({ key, name, link });
    return;
  }
  const object = { key, name: place.name };
  if (place.kind === 'frames') content.frames.push({ ...object, rows: keep(decodeFrames(key, bytes), key, erased, report) });
  if (place.kind === 'marks') content.marks.push({ ...object, rows: keep(readAvro(MARK_TABLE, bytes).rows, key, erased, report) });
  if (place.kind === 'statistics')
    content.statistics.push({ ...object, rows: keep(await decodeStatistics(key, bytes), key, erased, report) });
}

/** The rows, none of which may be of an erased broadcast. */
function keep<Row extends { stream: string; epoch: string }>(rows: Row[], key: string, erased: ErasedSet, report: Report): Row[] {
  const left = erased.size === 0 ? undefined : rows.find((row) => erased.has(broadcastKey(row)));
  if (left !== undefined)
    report({ rule: 'erasure', key, expected: 'nothing of an erased broadcast', found: `rows of ${broadcastKey(left)}` });
  return rows;
}

type Place = { kind: 'audio'; name: AudioName } | { kind: Exclude<ObjectKind, 'audio'>; name: HourlyName };

function placeOf(key: string, { log, partition }: Manifest): Place | undefined {
  const audio = parseAudioKey(key);
  if (audio !== undefined) return { kind: 'audio', name: audio };
  const name = parseHourlyKey(key);
  if (name === undefined || name.folder === 'hourly' || name.log !== log || name.partition !== partition) return undefined;
  return { kind: name.folder, name };
}

/** Whether the kind is deleted of this cut, also if that was decided after the verifier began. */
async function isRetired(before: Manifest, kind: ObjectKind, reading: CutReading): Promise<boolean> {
  if (before.start < reading.retained[kind]) return true;
  reading.retained = await readRetained(reading.store, before);
  return before.start < reading.retained[kind];
}
