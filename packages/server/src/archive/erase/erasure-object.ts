// Removes erased broadcasts from one object: turns its bytes into the bytes that replace them,
// which carry the digest of the original content. An object without content of these broadcasts is
// left alone, so repeating an erasure changes nothing. Pure.

import { epochText } from '@hayate/protocol';
import {
  AVRO_CODECS,
  type AvroCodec,
  AvroError,
  type AvroFileOptions,
  type AvroHeader,
  decodeRows,
  packAvroSections,
  readAvroFile,
  writeAvro,
} from '../../format/avro/index.ts';
import { openParquet, ParquetError, ParquetFileWriter } from '../../format/parquet/index.ts';
import { HayateError } from '../../kernel/error.ts';
import { type BroadcastName, broadcastKey } from '../layout/broadcast-name.ts';
import type { ErasedSet } from '../layout/erasure-record.ts';
import { decodeManifest, type EpochState, encodeManifest, eraseManifestState, type Manifest } from '../layout/manifest.ts';
import { parseAudioKey, parseHourlyKey, parseManifestKey } from '../layout/path.ts';
import { FRAME_TABLE } from '../row/frame-row.ts';
import { MARK_TABLE } from '../row/mark-row.ts';
import { STATISTICS_TABLE } from '../row/statistics-row.ts';

/**
 * Returns a frames object without the frames of `erased`; undefined if it has none. Throws CORRUPT.
 */
export function eraseFromFrames(key: string, bytes: Uint8Array, erased: ErasedSet): Promise<Uint8Array | undefined> {
  return reading(key, async () => {
    const { header, blocks } = readAvroFile(bytes);
    const sections = header.index ?? [];
    const kept = sections.filter(
      ({ name: [stream, epoch] }) => !erased.has(broadcastKey({ stream: String(stream), epoch: String(epoch) })),
    );
    if (kept.length === sections.length) return undefined;
    const named = kept.map(({ name, offset, length }) => ({
      name,
      blocks: blocks.filter((block) => block.offset >= offset && block.offset < offset + length),
    }));
    return (await packAvroSections(FRAME_TABLE, named, replacing(header))).bytes;
  });
}

/**
 * Returns a marks object without the marks of `erased`; undefined if it has none. Throws CORRUPT.
 */
export function eraseFromMarks(key: string, bytes: Uint8Array, erased: ErasedSet): Promise<Uint8Array | undefined> {
  return reading(key, async () => {
    const { header, blocks } = readAvroFile(bytes);
    const rows = [...decodeRows(MARK_TABLE, blocks)];
    const kept = rows.filter((row) => !erased.has(broadcastKey(row)));
    return kept.length === rows.length ? undefined : (await writeAvro(MARK_TABLE, kept, replacing(header))).bytes;
  });
}

/**
 * Returns a statistics or hourly object without the rows of `erased`; undefined if it has none. An
 * hourly object gets a new digest, because nothing refers to its old one. Throws CORRUPT.
 */
export function eraseFromStatistics(key: string, bytes: Uint8Array, erased: ErasedSet): Promise<Uint8Array | undefined> {
  return reading(key, async () => {
    const { metadata, digest, groups } = openParquet(STATISTICS_TABLE, bytes);
    const writer = new ParquetFileWriter(STATISTICS_TABLE);
    let rows = 0;
    for await (const group of groups()) {
      rows += group.length;
      writer.add(group.filter((row) => !erased.has(broadcastKey(row))));
    }
    if (writer.rows === rows) return undefined;
    return writer.end(metadata, key.startsWith('hourly/') ? undefined : digest).bytes;
  });
}

/** Returns a manifest without titles and pre-roll of `erased`; undefined if it has none. */
export function eraseFromManifest(manifest: Manifest, erased: ErasedSet): Uint8Array | undefined {
  const holds = (epoch: EpochState) => erased.has(broadcastKey(epoch)) && holdsContent(epoch);
  if (!manifest.state.epochs.some(holds)) return undefined;
  const epochs = manifest.state.epochs.map((epoch) => (holds(epoch) ? withoutContent(epoch) : epoch));
  return encodeManifest(eraseManifestState(manifest, { ...manifest.state, epochs }));
}

/** Whether an object, of any kind, holds content of `erased`. Throws CORRUPT. */
export async function holdsErased(key: string, bytes: Uint8Array, erased: ErasedSet): Promise<boolean> {
  const audio = parseAudioKey(key);
  if (audio !== undefined) return erased.has(broadcastKey({ stream: audio.stream, epoch: epochText(audio.epoch) }));
  if (parseManifestKey(key) !== undefined) return eraseFromManifest(decodeManifest(bytes, key), erased) !== undefined;
  const folder = parseHourlyKey(key)?.folder;
  const erase = folder === 'frames' ? eraseFromFrames : folder === 'marks' ? eraseFromMarks : eraseFromStatistics;
  return folder !== undefined && (await erase(key, bytes, erased)) !== undefined;
}

/** The epoch's state in a manifest; undefined if the manifest does not name the epoch. */
export function epochIn({ state }: Manifest, { stream, epoch }: BroadcastName): EpochState | undefined {
  return state.epochs.find((each) => each.stream === stream && each.epoch === epoch);
}

/** Whether an epoch's state holds content that an erasure must remove. */
export function holdsContent({ header, tracks }: EpochState): boolean {
  return (header?.title ?? '') !== '' || tracks.some(({ preroll }) => preroll.length > 0);
}

function withoutContent(epoch: EpochState): EpochState {
  return {
    ...epoch,
    ...(epoch.header === undefined ? {} : { header: { ...epoch.header, title: '' } }),
    tracks: epoch.tracks.map((track) => ({ ...track, preroll: [] })),
  };
}

function replacing({ codec, metadata, digest }: AvroHeader): AvroFileOptions {
  const known: AvroCodec = AVRO_CODECS.find((name) => name === codec) ?? 'null';
  return { codec: known, metadata, erasedDigest: digest };
}

async function reading<T>(key: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (!(cause instanceof AvroError || cause instanceof ParquetError)) throw cause;
    throw new HayateError('CORRUPT', `${key} cannot be read: ${cause.message}`, { cause });
  }
}
