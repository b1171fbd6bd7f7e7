// Collects everything that a cut's objects, and the two manifests around the cut, hold of one
// broadcast.
import { epochText, Kind } from '@hayate/protocol';
import { type OggOpusLink, readOggOpus } from '../../format/ogg/index.ts';
import { HayateError } from '../../kernel/error.ts';
import { type BroadcastName, broadcastKey, parseBroadcastKey } from '../layout/broadcast-name.ts';
import type { CutConfig } from '../layout/cut-config.ts';
import type { ErasedSet } from '../layout/erasure-record.ts';
import type { EpochState, HeaderState, Manifest } from '../layout/manifest.ts';
import { type AudioName, type HourlyName, manifestKey } from '../layout/path.ts';
import type { ObjectKind } from '../layout/retained.ts';
import type { FrameRow } from '../row/frame-row.ts';
import type { MarkRow } from '../row/mark-row.ts';
import { safeNumber } from '../row/safe-number.ts';
import type { StatisticsRow } from '../row/statistics-row.ts';
import { audioContentDigest } from './audio-digest.ts';
import type { AudioObject, CutContent, RowObject } from './cut-content.ts';
import { errorText, type Report } from './finding.ts';
import { DecodeError, decodeAudio, decodeHeader } from './frame-decoder.ts';

/** An AUDIO payload. */
export interface HeardFrame {
  row: FrameRow;
  packets: readonly Uint8Array[];
  level: number | undefined;
  /** Duration of all packets together, at 48 kHz. */
  samples: number;
}

/** One segment of voice. */
export interface AudioContent {
  key: string;
  name: AudioName;
  link: OggOpusLink;
}

/** One broadcast in one cut. */
export interface BroadcastContent {
  name: BroadcastName;
  /** Its rows by object, in log order. */
  frameObjects: readonly RowObject<FrameRow>[];
  markObjects: readonly RowObject<MarkRow>[];
  /** All its rows, in log order. */
  frames: readonly FrameRow[];
  /** AUDIO frames whose payload can be read. */
  heard: ReadonlyMap<FrameRow, HeardFrame>;
  /** In log order. */
  marks: readonly MarkRow[];
  /** In window order. */
  statistics: readonly { key: string; row: StatisticsRow }[];
  segments: readonly AudioContent[];
  /** The kinds whose objects are all present and intact. */
  whole: CutContent['whole'];
  /**
   * Its state in the manifests before and after the cut; undefined where a manifest does not name
   * it.
   */
  before: EpochState | undefined;
  after: EpochState | undefined;
  /**
   * Its header in force at the end of the cut, as far as the frames and the manifest before show
   * it.
   */
  header: HeaderState | undefined;
  config: CutConfig;
  /** Key of the manifest after the cut. */
  manifestKey: string;
}

/**
 * Yields every broadcast that the cut or a manifest around it mentions, except those of `erased`.
 * Reports objects that cannot be read.
 */
export function* broadcastsOf(cut: CutContent, erased: ErasedSet, report: Report): Iterable<BroadcastContent> {
  const frames = inLogOrder(cut.frames).map((object) => ({
    object,
    sections: new Map(object.file.sections.map((section) => [broadcastKey(section), section])),
  }));
  const marks = inLogOrder(cut.marks).map((object) => ({ object, rows: Map.groupBy(object.rows, broadcastKey) }));
  const counted = inLogOrder(cut.statistics).flatMap(({ key, rows }) => rows.map((row) => ({ key, row })));
  const statistics = Map.groupBy(counted, ({ row }) => broadcastKey(row));
  const audio = Map.groupBy(cut.audio, ({ name }) => broadcastKey({ stream: name.stream, epoch: epochText(name.epoch) }));
  const [before, after] = [statesOf(cut.before), statesOf(cut.after)];
  const names = new Set(
    [statistics, audio, before, after, ...frames.map(({ sections }) => sections), ...marks.map(({ rows }) => rows)].flatMap((map) => [
      ...map.keys(),
    ]),
  );
  for (const name of names) {
    if (erased.has(name)) continue;
    const whole = { ...cut.whole };
    const guarded = <T>(kind: ObjectKind, key: string, read: () => T): T[] => {
      try {
        return [read()];
      } catch (error) {
        whole[kind] = false;
        report({ rule: 'content', key, expected: `the content of ${name}`, found: errorText(error) });
        return [];
      }
    };
    const frameObjects = frames.flatMap(({ object, sections }) => {
      const section = sections.get(name);
      if (section === undefined) return [];
      return guarded('frames', object.key, () => ({ key: object.key, name: object.name, rows: object.file.rows(section) }));
    });
    const markObjects = marks.flatMap(({ object, rows }) => (rows.has(name) ? [{ ...object, rows: rows.get(name) ?? [] }] : []));
    const own = frameObjects.flatMap(({ rows }) => rows);
    yield {
      name: parseBroadcastKey(name),
      frameObjects,
      frames: own,
      heard: new Map(own.flatMap((row) => readVoice(row)).map((heard) => [heard.row, heard])),
      markObjects,
      marks: markObjects.flatMap(({ rows }) => rows),
      statistics: statistics.get(name) ?? [],
      segments: (audio.get(name) ?? []).flatMap((object) => guarded('audio', object.key, () => readSegment(object))),
      whole,
      before: before.get(name),
      after: after.get(name),
      header: own.reduce((header, frame) => laterHeader(header, frame), before.get(name)?.header),
      config: cut.before.config,
      manifestKey: manifestKey(cut.after, cut.after.start),
    };
  }
}

/** Throws OggError, and CORRUPT if the content does not match its digest. */
function readSegment({ key, name, bytes, digest }: AudioObject): AudioContent {
  const [link, more] = readOggOpus(bytes);
  if (link === undefined || more !== undefined) throw new HayateError('CORRUPT', 'it is not a single logical stream');
  const recomputed = audioContentDigest(link);
  if (recomputed !== digest) throw new HayateError('CORRUPT', `the content has the digest ${recomputed} instead of ${digest}`);
  return { key, name, link };
}

/** Reads the payload of a HEADER frame; undefined if it cannot be read. */
export function readHeader(frame: FrameRow): HeaderState | undefined {
  const header = unlessUnreadable(() => decodeHeader(payloadOf(frame)));
  if (header === undefined) return undefined;
  return {
    sequence: frame.sequence,
    title: header.title,
    channels: header.channels === 2 ? 2 : 1,
    preSkip: Math.min(header.preSkip, 65_535),
    inputSampleRate: header.inputSampleRate,
    originUnixUs: safeNumber(header.originUnixUs),
    originErrorUs: header.originErrorUs,
  };
}

/** The header in force after `frame`: the one with the highest sequence. */
export function laterHeader(header: HeaderState | undefined, frame: FrameRow): HeaderState | undefined {
  const said = frame.kind === Kind.HEADER ? readHeader(frame) : undefined;
  return said === undefined || (header !== undefined && header.sequence > said.sequence) ? header : said;
}

/**
 * Reads the payload of an AUDIO frame; empty for other frames and for payloads that cannot be read.
 */
function readVoice(row: FrameRow): HeardFrame[] {
  if (row.kind !== Kind.AUDIO) return [];
  const audio = unlessUnreadable(() => decodeAudio(payloadOf(row)));
  return audio === undefined ? [] : [{ row, ...audio }];
}

/** Returns the result of `decode`; undefined if the bytes cannot be read. */
function unlessUnreadable<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

/** A frame's payload, located by its columns. */
function payloadOf(frame: FrameRow): Uint8Array {
  return frame.frame.subarray(frame.payload_offset, frame.payload_offset + frame.payload_length);
}

function inLogOrder<T extends { name: HourlyName }>(objects: readonly T[]): T[] {
  return objects.toSorted((a, b) => a.name.start - b.name.start);
}

function statesOf({ state }: Manifest): Map<string, EpochState> {
  return new Map(state.epochs.map((epoch) => [broadcastKey(epoch), epoch]));
}
