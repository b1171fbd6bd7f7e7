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

/** Output is gathered in buffers of this part of the input: rows of frames fit into one. */
const OUTPUT_SHARE = 0.7;

/** What zlib demands of such a buffer, and a little more. */
const CHUNK_BYTES_MIN = 1_024;

const deflate = promisify(deflateRaw);
const zstd = promisify(zstdCompress);

/** Compresses a block. One buffer takes the output, and zstd knows the input's size before: else half the time goes into memory. */
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
