// The settings that decide how a partition's entries become objects. A cut follows the
// configuration in its manifest, not the flags of the process that reads it, so that all readers of
// one log write the same objects.
import * as z from 'zod';
import { AVRO_CODECS } from '../../format/avro/index.ts';

/** The configuration of one cut, as manifests hold it. */
export const CutConfigSchema = z.strictObject({
  /** Length of a window in append time, milliseconds. */
  windowMs: z.int().min(100).max(3_600_000),
  /** Maximum number of windows in a cut. */
  windowsPerCut: z.int().min(1).max(360),
  /** A cut ends when the values of its entries reach this many bytes. */
  cutBytes: z.int().min(1).max(1_073_741_824),
  /** Compression of Avro blocks. */
  avroCodec: z.enum(AVRO_CODECS),
  /** A hole in the voice longer than this ends its segment, milliseconds. */
  audioHoleMs: z.int().min(0).max(60_000),
  /**
   * Duration of the previous segment's packets that a segment begins with, hidden by pre-skip,
   * milliseconds.
   */
  prerollMs: z.int().min(0).max(1_000),
  /** Segments of one participant in one cut; voice beyond them is kept only as frames. */
  segmentsPerTrackMax: z.int().min(1).max(1_000),
  /**
   * How long after an epoch's last frame its sequences are remembered, milliseconds of append time.
   */
  epochMemoryMs: z.int().min(0),
});

export type CutConfig = Readonly<z.infer<typeof CutConfigSchema>>;

/** The configuration of a new partition unless settings say otherwise. */
export const CUT_CONFIG: CutConfig = {
  windowMs: 10_000,
  windowsPerCut: 6,
  cutBytes: 64 * 1024 * 1024,
  avroCodec: 'zstandard',
  audioHoleMs: 10_000,
  prerollMs: 80,
  segmentsPerTrackMax: 64,
  epochMemoryMs: 24 * 3_600_000,
};
