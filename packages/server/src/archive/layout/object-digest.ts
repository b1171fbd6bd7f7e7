// Reads the digest that an object of any format carries of its own logical content. It shows
// whether two writers of the same key agree.
import { readAvroHeader } from '../../format/avro/index.ts';
import { readOggOpusHeaders, tagValue } from '../../format/ogg/index.ts';
import { PARQUET_DIGEST_KEY, PARQUET_ERASED_KEY, readParquetMetadata } from '../../format/parquet/index.ts';
import { HayateError } from '../../kernel/error.ts';
import { isErasedAudio, OGG_DIGEST_TAG } from './audio-object.ts';
import { decodeManifest } from './manifest.ts';

/** An object's own statement of its content. */
interface ObjectIdentity {
  /** Digest of its content; after an erasure, of the original content. */
  readonly digest: string;
  /** Whether something has been erased. */
  readonly erased: boolean;
}

/** Reads the identity in `bytes`, an object with this key. Throws CORRUPT if it cannot be read. */
export function readObjectIdentity(key: string, bytes: Uint8Array): ObjectIdentity {
  const identity = read(key, bytes);
  if (identity === undefined) throw new HayateError('CORRUPT', `${key} carries no digest`);
  return identity;
}

/** Reads the digest in `bytes`, an object with this key. Throws CORRUPT if it cannot be read. */
export function readObjectDigest(key: string, bytes: Uint8Array): string {
  return readObjectIdentity(key, bytes).digest;
}

function read(key: string, bytes: Uint8Array): ObjectIdentity | undefined {
  if (key.endsWith('.json')) {
    const { digest, erased } = decodeManifest(bytes, key);
    return { digest, erased: erased !== undefined };
  }
  try {
    if (key.endsWith('.avro')) {
      const { digest, erasedDigest } = readAvroHeader(bytes);
      return { digest, erased: erasedDigest !== undefined };
    }
    if (key.endsWith('.ogg')) {
      const { tags } = readOggOpusHeaders(bytes);
      return identity(tagValue(tags, OGG_DIGEST_TAG), isErasedAudio(tags));
    }
    if (key.endsWith('.parquet')) {
      const metadata = readParquetMetadata(bytes);
      return identity(metadata[PARQUET_DIGEST_KEY], metadata[PARQUET_ERASED_KEY] !== undefined);
    }
  } catch (cause) {
    throw new HayateError('CORRUPT', `${key} cannot be read`, { cause });
  }
  return undefined;
}

function identity(digest: string | undefined, erased: boolean): ObjectIdentity | undefined {
  return digest === undefined ? undefined : { digest, erased };
}
