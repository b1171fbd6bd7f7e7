// Makes the keys of objects and reads them back. Numbers are zero-padded, so that keys sort in
// numeric order. A change to a key here is a change to spec/archive.md, "Objects".
import { epochFromText, epochText, isStreamName } from '@hayate/protocol';

/** A partition, to which objects belong. */
export interface PartitionName {
  /** The log's id. */
  log: string;
  partition: number;
}

/** Offsets that an object covers: from `start` to before `end`. */
export interface OffsetRange {
  start: number;
  end: number;
}

/** The outputs that are stored by log, hour and partition, and their file types. */
const EXTENSIONS = { frames: 'avro', marks: 'avro', statistics: 'parquet', hourly: 'parquet' } as const;

/** The outputs that are stored by hour. `hourly` is made of `statistics`, not of the log. */
export type HourlyFolder = keyof typeof EXTENSIONS;

/** An output of the log that is stored by hour. */
export type HourlyOutput = Exclude<HourlyFolder, 'hourly'>;

/** The facts in an audio object's key. */
export interface AudioName {
  stream: string;
  epoch: bigint;
  participant: number;
  /** Whether it holds frames that arrived for a time already written. */
  late: boolean;
  /** The lowest sequence in it. */
  firstSequence: number;
  /** Position of its first packet after the pre-roll, 48 kHz samples since the epoch began. */
  position: number;
}

/** Formats a number as in object names: 20 digits. */
export function digits(number: number): string {
  return String(number).padStart(20, '0');
}

/** Prefix of a partition's manifests; ends in '/'. */
export function manifestPrefix({ log, partition }: PartitionName): string {
  return `cuts/${log}/${partitionText(partition)}/`;
}

/** Key of the manifest of the cut that begins at `start`. */
export function manifestKey(name: PartitionName, start: number): string {
  return `${manifestPrefix(name)}${digits(start)}.json`;
}

/** Reads a manifest's key; undefined for any other key. */
export function parseManifestKey(key: string): (PartitionName & { start: number }) | undefined {
  const match = /^cuts\/([^/]+)\/p=(\d{3,})\/(\d{20})\.json$/.exec(key);
  return match === null ? undefined : { log: match[1] ?? '', partition: Number(match[2]), start: Number(match[3]) };
}

/**
 * Prefix of an output's objects of an hour, for all partitions. `timeMs` (Unix milliseconds) gives
 * the day and hour, in UTC. Ends in '/'.
 */
export function hourPrefix(folder: HourlyFolder, log: string, timeMs: number): string {
  const time = new Date(timeMs).toISOString();
  return `${folder}/${log}/dt=${time.slice(0, 10)}/hour=${time.slice(11, 13)}/`;
}

/** Prefix of an output's objects of a partition and hour. Ends in '/'. */
export function hourlyPrefix(folder: HourlyFolder, { log, partition }: PartitionName, timeMs: number): string {
  return `${hourPrefix(folder, log, timeMs)}${partitionText(partition)}/`;
}

/** Key of an hourly object. */
export function hourlyKey(folder: HourlyFolder, name: PartitionName, timeMs: number, range: OffsetRange): string {
  return `${hourlyPrefix(folder, name, timeMs)}${digits(range.start)}-${digits(range.end)}.${EXTENSIONS[folder]}`;
}

/** The facts in an hourly object's key. */
export interface HourlyName extends PartitionName, OffsetRange {
  folder: HourlyFolder;
  /** Start of the hour, Unix milliseconds. */
  hourMs: number;
}

/** Reads the key of an hourly object; undefined for any other key. */
export function parseHourlyKey(key: string): HourlyName | undefined {
  const match = /^(frames|marks|statistics|hourly)\/([^/]+)\/dt=(\d{4}-\d\d-\d\d)\/hour=(\d\d)\/p=(\d{3,})\/(\d{20})-(\d{20})\.(\w+)$/.exec(
    key,
  );
  const [, folder = '', log = '', day = '', hour = '', partition, start, end, extension] = match ?? [];
  const hourMs = Date.parse(`${day}T${hour}:00:00Z`);
  if (!isHourlyFolder(folder) || extension !== EXTENSIONS[folder] || Number.isNaN(hourMs)) return undefined;
  return { folder, log, partition: Number(partition), start: Number(start), end: Number(end), hourMs };
}

/** Key of a partition's retention record. */
export function retainedKey({ log, partition }: PartitionName): string {
  return `retained/${log}/${partitionText(partition)}.json`;
}

/** Prefix of the records of erased broadcasts; of one stream if given. Ends in '/'. */
export function erasedPrefix(stream?: string): string {
  return stream === undefined ? 'erased/' : `erased/${stream}/`;
}

/** Key of the record of an erased broadcast; `epoch` has 16 hex digits. */
export function erasedKey({ stream, epoch }: { stream: string; epoch: string }): string {
  return `${erasedPrefix(stream)}${epoch}.json`;
}

/** Reads the key of the record of an erased broadcast; undefined for any other key. */
export function parseErasedKey(key: string): { stream: string; epoch: string } | undefined {
  const [, stream = '', epoch = ''] = /^erased\/([^/]+)\/([0-9a-f]{16})\.json$/.exec(key) ?? [];
  return isStreamName(stream) ? { stream, epoch } : undefined;
}

/** Prefix of a broadcast's audio; ends in '/'. */
export function audioPrefix(stream: string, epoch?: bigint): string {
  return epoch === undefined ? `audio/${stream}/` : `audio/${stream}/${epochText(epoch)}/`;
}

/** Key of an audio segment. */
export function audioKey({ stream, epoch, participant, late, firstSequence, position }: AudioName): string {
  const track = participant === 0 ? '' : `participant=${String(participant).padStart(2, '0')}/`;
  return `${audioPrefix(stream, epoch)}${track}${late ? 'late/' : ''}${digits(firstSequence)}-${digits(position)}.ogg`;
}

/** Reads an audio key; undefined for any other key. */
export function parseAudioKey(key: string): AudioName | undefined {
  const match = /^audio\/([^/]+)\/([0-9a-f]{16})\/(?:participant=(\d{2,})\/)?(late\/)?(\d{20})-(\d{20})\.ogg$/.exec(key);
  const epoch = epochFromText(match?.[2] ?? '');
  const stream = match?.[1] ?? '';
  if (match === null || epoch === undefined || !isStreamName(stream)) return undefined;
  return {
    stream,
    epoch,
    participant: Number(match[3] ?? 0),
    late: match[4] !== undefined,
    firstSequence: Number(match[5]),
    position: Number(match[6]),
  };
}

function partitionText(partition: number): string {
  return `p=${String(partition).padStart(3, '0')}`;
}

function isHourlyFolder(text: string): text is HourlyFolder {
  return Object.hasOwn(EXTENSIONS, text);
}
