// A cut's manifest: the configuration in force, and everything the cut needs to know of earlier
// cuts. It is written once, when the previous cut has all its objects. Every process that reads the
// log from it writes the same objects.
import * as z from 'zod';
import { logicalDigest } from '../../format/logical-digest.ts';
import { HayateError } from '../../kernel/error.ts';
import { type CutConfig, CutConfigSchema } from './cut-config.ts';

const Count = z.int().min(0);
const Epoch = z.string().regex(/^[0-9a-f]{16}$/);
const Ranges = z.array(z.tuple([Count, Count]));

/** The facts from a broadcast's latest HEADER frame. */
const HeaderStateSchema = z.strictObject({
  sequence: Count,
  title: z.string(),
  channels: z.int().min(1).max(2),
  /** The encoder's delay, 48 kHz samples. */
  preSkip: Count,
  inputSampleRate: Count,
  /** Unix microseconds of capture time 0; 0 if the broadcaster did not know. */
  originUnixUs: Count,
  originErrorUs: Count,
});

/** One participant's voice. */
const TrackStateSchema = z.strictObject({
  participant: Count,
  /** End of the last packet written, as a position. */
  position: Count,
  /**
   * The last packets written, base64: at least the pre-roll's length, or all packets since the last
   * hole.
   */
  preroll: z.array(z.string()),
});

/** One epoch of one stream. */
const EpochStateSchema = z.strictObject({
  stream: z.string(),
  epoch: Epoch,
  /** Start of the window of its last batch, Unix milliseconds. */
  windowStartMs: Count,
  ended: z.boolean(),
  /** Sequences in the archive: first and last of each run. */
  seen: Ranges,
  /** Sequences declared dropped. */
  dropped: Ranges,
  header: HeaderStateSchema.optional(),
  tracks: z.array(TrackStateSchema),
});

const PartitionStateSchema = z.strictObject({
  /**
   * Start of the latest window so far (a running maximum), Unix milliseconds; 0 before the first
   * entry.
   */
  windowStartMs: Count,
  /** The offset at which the next object of each output begins. */
  covered: z.strictObject({ frames: Count, marks: Count, statistics: Count }),
  /** Sorted by stream, then epoch. */
  epochs: z.array(EpochStateSchema),
});

const ManifestSchema = z.strictObject({
  format: z.literal('hayate-cut-1'),
  log: z.string(),
  partition: Count,
  /** First offset of the cut. */
  start: Count,
  config: CutConfigSchema,
  /**
   * The previous cut: its first offset and its objects, sorted by key. Absent in a partition's
   * first manifest.
   */
  previous: z.strictObject({ start: Count, objects: z.array(z.strictObject({ key: z.string(), digest: z.string() })) }).optional(),
  state: PartitionStateSchema,
  /**
   * Digest of everything except `config` and the digests. After an erasure, still of the original
   * content.
   */
  digest: z.string(),
  /**
   * Digest of `config` and `digest`. Two writers need not agree on the configuration, but it must
   * not change either.
   */
  seal: z.string(),
  /** Present only after an erasure: digest of the remaining content. */
  erased: z.string().optional(),
});

export type HeaderState = z.infer<typeof HeaderStateSchema>;
export type TrackState = z.infer<typeof TrackStateSchema>;
export type EpochState = z.infer<typeof EpochStateSchema>;
export type PartitionState = z.infer<typeof PartitionStateSchema>;
export type Manifest = z.infer<typeof ManifestSchema>;

/** The content of a manifest, without its digests. */
type ManifestContent = Omit<Manifest, 'digest' | 'erased' | 'format' | 'seal'>;

/** Makes a manifest: puts the fields in a fixed order and adds the digests. */
export function makeManifest(content: ManifestContent): Manifest {
  const { log, partition, start, config, previous, state } = content;
  const digest = digestOf(content);
  const contents = { log, partition, start, config, ...(previous === undefined ? {} : { previous }), state };
  return { format: 'hayate-cut-1', ...contents, digest, seal: sealOf(config, digest) };
}

/**
 * Returns `manifest` with a state from which content was erased. Its digest stays; `erased` holds
 * the digest of the remaining content.
 */
export function eraseManifestState(manifest: Manifest, state: PartitionState): Manifest {
  return { ...manifest, state, erased: digestOf({ ...manifest, state }) };
}

/** Makes the first manifest of a partition; its first cut begins at `start`. */
export function firstManifest(log: string, partition: number, start: number, config: CutConfig): Manifest {
  const state = { windowStartMs: 0, covered: { frames: start, marks: start, statistics: start }, epochs: [] };
  return makeManifest({ log, partition, start, config, state });
}

/** Encodes a manifest as one line of JSON. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(manifest)}\n`);
}

/** Reads a manifest. Throws CORRUPT if it is not one or its digest does not match. */
export function decodeManifest(bytes: Uint8Array, key: string): Manifest {
  let manifest: Manifest;
  try {
    manifest = ManifestSchema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
  } catch (cause) {
    throw new HayateError('CORRUPT', `${key} is not a manifest`, { cause });
  }
  if (digestOf(manifest) !== (manifest.erased ?? manifest.digest))
    throw new HayateError('CORRUPT', `${key}: the digest does not fit the manifest`);
  if (sealOf(manifest.config, manifest.digest) !== manifest.seal)
    throw new HayateError('CORRUPT', `${key}: the seal does not fit the configuration`);
  return manifest;
}

function sealOf(config: CutConfig, digest: string): string {
  return logicalDigest([JSON.stringify(config), digest]);
}

function digestOf({ log, partition, start, previous, state }: ManifestContent): string {
  return logicalDigest([JSON.stringify({ log, partition, start, ...(previous === undefined ? {} : { previous }), state })]);
}
