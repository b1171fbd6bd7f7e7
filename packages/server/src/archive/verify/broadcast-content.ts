// One broadcast in one cut: everything that the cut's objects and the two manifests around it say of it, put together.
import { fromBinary } from '@bufbuild/protobuf';
import { epochText, Kind, StreamHeaderSchema } from '@hayate/protocol';
import type { BroadcastName } from '../broadcast-order.ts';
import type { CutConfig } from '../cut-config.ts';
import { broadcastKey, parseBroadcastKey } from '../erasure-record.ts';
import type { FrameRow } from '../frame-row.ts';
import type { EpochState, HeaderState, Manifest } from '../manifest.ts';
import type { MarkRow } from '../mark-row.ts';
import { manifestKey } from '../path.ts';
import { safeNumber } from '../safe-number.ts';
import type { StatisticsRow } from '../statistics-row.ts';
import type { AudioContent, CutContent, RowObject } from './cut-content.ts';

/** One broadcast in one cut. */
export interface BroadcastContent {
  name: BroadcastName;
  /** In log order. */
  frames: readonly FrameRow[];
  /** In log order. */
  marks: readonly MarkRow[];
  /** In window order. */
  statistics: readonly { key: string; row: StatisticsRow }[];
  segments: readonly AudioContent[];
  /** As the manifests remember it; undefined if they do not. */
  before: EpochState | undefined;
  after: EpochState | undefined;
  /** What its latest HEADER frame said when the cut ended, as far as frames and the manifest before tell. */
  header: HeaderState | undefined;
  config: CutConfig;
  /** Key of the manifest behind the cut. */
  manifestKey: string;
}

/** Every broadcast of which the cut or a manifest around it says something. */
export function* broadcastsOf(cut: CutContent): Iterable<BroadcastContent> {
  const frames = gather(cut.frames, (row) => row);
  const marks = gather(cut.marks, (row) => row);
  const statistics = gather(cut.statistics, (row, key) => ({ key, row }));
  const segments = Map.groupBy(cut.audio, ({ name }) => broadcastKey({ stream: name.stream, epoch: epochText(name.epoch) }));
  const [before, after] = [statesOf(cut.before), statesOf(cut.after)];
  const names = new Set([frames, marks, statistics, segments, before, after].flatMap((map) => [...map.keys()]));
  for (const name of names) {
    const own = frames.get(name) ?? [];
    yield {
      name: parseBroadcastKey(name),
      frames: own,
      marks: marks.get(name) ?? [],
      statistics: statistics.get(name) ?? [],
      segments: segments.get(name) ?? [],
      before: before.get(name),
      after: after.get(name),
      header: own.reduce((header, frame) => laterHeader(header, frame), before.get(name)?.header),
      config: cut.before.config,
      manifestKey: manifestKey(cut.after, cut.after.start),
    };
  }
}

/** Whether the payload of a HEADER frame is one; what it says then. */
export function readHeader(frame: FrameRow): HeaderState | undefined {
  try {
    const { title, audio, originUnixUs, originErrorUs } = fromBinary(StreamHeaderSchema, payloadOf(frame));
    return {
      sequence: frame.sequence,
      title,
      channels: audio?.channels === 2 ? 2 : 1,
      preSkip: Math.min(audio?.preSkip ?? 0, 65_535),
      inputSampleRate: audio?.inputSampleRate ?? 0,
      originUnixUs: safeNumber(originUnixUs),
      originErrorUs,
    };
  } catch {
    return undefined;
  }
}

/** The header in force behind `frame`: that of the highest sequence. */
export function laterHeader(header: HeaderState | undefined, frame: FrameRow): HeaderState | undefined {
  const said = frame.kind === Kind.HEADER ? readHeader(frame) : undefined;
  return said === undefined || (header !== undefined && header.sequence > said.sequence) ? header : said;
}

/** A frame's payload, by its columns. */
export function payloadOf(frame: FrameRow): Uint8Array {
  return frame.frame.subarray(frame.payload_offset, frame.payload_offset + frame.payload_length);
}

function gather<Row extends BroadcastName, Item>(
  objects: readonly RowObject<Row>[],
  itemOf: (row: Row, key: string) => Item,
): Map<string, Item[]> {
  const gathered = new Map<string, Item[]>();
  for (const { key, rows } of objects.toSorted((a, b) => a.name.start - b.name.start))
    for (const row of rows) {
      const name = broadcastKey(row);
      const items = gathered.get(name);
      if (items === undefined) gathered.set(name, [itemOf(row, key)]);
      else items.push(itemOf(row, key));
    }
  return gathered;
}

function statesOf({ state }: Manifest): Map<string, EpochState> {
  return new Map(state.epochs.map((epoch) => [broadcastKey(epoch), epoch]));
}
