// Compresses and decompresses a container's blocks with Node's own zlib and zstd. Compression runs
// off the event loop.
import { promisify } from 'node:util';
import { constants, deflateRaw, inflateRawSync, zstdCompress, zstdDecompressSync } from 'node:zlib';
import { AvroError } from './avro-error.ts';

/**
 * Codecs by their names in files. Every Avro reader supports `null` and `deflate`, most support
 * `zstandard`.
 */
export const AVRO_CODECS = ['null', 'deflate', 'zstandard'] as const;

export type AvroCodec = (typeof AVRO_CODECS)[number];

/** The most decompressed bytes of one block. */
const BLOCK_BYTES_MAX = 1 << 28;

/** Levels above 1 take twice the time to save half a percent. */
const ZSTD_LEVEL = 1;

/**
 * The size of an output buffer, as a share of the input: compressed rows of frames fit into one
 * buffer.
 */
const OUTPUT_SHARE = 0.7;

/** zlib's minimum for such a buffer, with some margin. */
const CHUNK_BYTES_MIN = 1_024;

const deflate = promisify(deflateRaw);
const zstd = promisify(zstdCompress);

/**
 * Compresses a block. One buffer takes the whole output, and zstd gets the input's size in advance;
 * otherwise memory management takes half the time.
 */
export async function compressBlock(codec: AvroCodec, data: Uint8Array): Promise<Uint8Array> {
  const chunkSize = Math.max(CHUNK_BYTES_MIN, Math.ceil(data.length * OUTPUT_SHARE));
  switch (codec) {
    case 'null':
      return data;
    case 'deflate':
      return deflate(data, { chunkSize });
    case 'zstandard':
      return zstd(data, { chunkSize, pledgedSrcSize: data.length, params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL } });
  }
}

/**
 * Decompresses a block. Throws AvroError if the data is damaged, the result would be too long, or
 * the codec is unknown.
 */
export function decompressBlock(codec: string, data: Uint8Array): Uint8Array {
  try {
    switch (codec) {
      case 'null':
        return data;
      case 'deflate':
        return inflateRawSync(data, { maxOutputLength: BLOCK_BYTES_MAX });
      case 'zstandard':
        return zstdDecompressSync(data, { maxOutputLength: BLOCK_BYTES_MAX });
    }
  } catch (cause) {
    throw new AvroError('a block cannot be decompressed', { cause });
  }
  throw new AvroError('the codec is unknown');
}
