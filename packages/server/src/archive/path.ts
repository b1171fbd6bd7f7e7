// Where objects lie: keys from what an object is about, and back. Numbers are zero-padded, so that keys sort as numbers do.
// Changing a key here is changing spec/archive.md, "Objects".
import { epochFromText, epochText, isStreamName } from '@hayate/protocol';

/** Where a partition's objects belong. */
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

/** The three outputs that are laid out by log, hour and partition, and their file types. */
const EXTENSIONS = { frames: 'avro', marks: 'avro', statistics: 'parquet' } as const;

/** An output that is laid out by hour. */
export type HourlyOutput = keyof typeof EXTENSIONS;

/** What an audio object is. */
export interface AudioName {
  stream: string;
  epoch: bigint;
  participant: number;
  /** Whether it holds frames that came for a time already written. */
  late: boolean;
  /** The lowest sequence in it. */
  firstSequence: number;
  /** Position of its first packet behind the pre-roll, 48 kHz samples since the epoch began. */
  position: number;
}

/** A number as object names hold it: 20 digits. */
export function digits(number: number): string {
  return String(number).padStart(20, '0');
}

/** Key of the manifest of the cut that begins at `start`. */
export function manifestKey({ log, partition }: PartitionName, start: number): string {
  return `cuts/${log}/${partitionText(partition)}/${digits(start)}.json`;
}

/** Key of an hourly object; `windowStartMs` (Unix milliseconds) tells the day and hour, in UTC. */
export function hourlyKey(output: HourlyOutput, { log, partition }: PartitionName, windowStartMs: number, range: OffsetRange): string {
  const time = new Date(windowStartMs).toISOString();
  const folder = `${output}/${log}/dt=${time.slice(0, 10)}/hour=${time.slice(11, 13)}/${partitionText(partition)}`;
  return `${folder}/${digits(range.start)}-${digits(range.end)}.${EXTENSIONS[output]}`;
}

/** Where a broadcast's audio lies; ends in '/'. */
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
