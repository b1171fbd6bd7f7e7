// The digest that an object carries of its own logical content, whatever its format: how two writers of the same key are
// found to agree.
import { readAvroHeader } from '../format/avro/index.ts';
import { readOggOpusHeaders, tagValue } from '../format/ogg/index.ts';
import { PARQUET_DIGEST_KEY, readParquetMetadata } from '../format/parquet/index.ts';
import { HayateError } from '../kernel/error.ts';
import { OGG_DIGEST_TAG } from './audio-object.ts';
import { decodeManifest } from './manifest.ts';

/** The digest in `bytes`, an object of this key. Throws CORRUPT if it cannot be read. */
export function readObjectDigest(key: string, bytes: Uint8Array): string {
  const digest = read(key, bytes);
  if (digest === undefined) throw new HayateError('CORRUPT', `${key} carries no digest`);
  return digest;
}

function read(key: string, bytes: Uint8Array): string | undefined {
  if (key.endsWith('.json')) return decodeManifest(bytes, key).digest;
  try {
    if (key.endsWith('.avro')) return readAvroHeader(bytes).digest;
    if (key.endsWith('.ogg')) return tagValue(readOggOpusHeaders(bytes).tags, OGG_DIGEST_TAG);
    if (key.endsWith('.parquet')) return readParquetMetadata(bytes)[PARQUET_DIGEST_KEY];
  } catch (cause) {
    throw new HayateError('CORRUPT', `${key} cannot be read`, { cause });
  }
  return undefined;
}
