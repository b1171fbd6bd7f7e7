// Compression of a container's blocks, by Node's own zlib and zstd, off the event loop when writing.
import { promisify } from 'node:util';
import { constants, deflateRaw, inflateRawSync, zstdCompress, zstdDecompressSync } from 'node:zlib';
import { AvroError } from './avro-error.ts';

/** Codecs by their names in files: every Avro reader knows `null` and `deflate`, most `zstandard`. */
export const AVRO_CODECS = ['null', 'deflate', 'zstandard'] as const;

export type AvroCodec = (typeof AVRO_CODECS)[number];

/** Decompressed bytes that one block may hold. */
const BLOCK_BYTES_MAX = 1 << 28;

/** Levels above 1 take twice the time for half a percent. */
const ZSTD_LEVEL = 1;

/** What a compressor may add to bytes that it cannot compress: both formats then store them, with a few bytes each 16 KiB or more. */
const OVERHEAD_BYTES = 1_024;

const deflate = promisify(deflateRaw);
const zstd = promisify(zstdCompress);

/** Compresses a block. One buffer takes the whole output, and zstd knows the size before: else half the time goes into memory. */
export async function compressBlock(codec: AvroCodec, data: Uint8Array): Promise<Uint8Array> {
  const chunkSize = data.length + (data.length >> 8) + OVERHEAD_BYTES;
  switch (codec) {
    case 'null':
      return data;
    case 'deflate':
      return deflate(data, { chunkSize });
    case 'zstandard':
      return zstd(data, { chunkSize, pledgedSrcSize: data.length, params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL } });
  }
}

/** Decompresses a block. Throws AvroError if it cannot be, would be too long, or the codec is not known. */
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
  throw new AvroError('the codec is not known');
}
