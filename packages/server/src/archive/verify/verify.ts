// The verifier. It walks each partition's manifests from the oldest kept one, and checks every cut
// against the two manifests around it, as defined in spec/archive.md, "Verification". It holds one
// cut at a time, the state in the manifests, and some bytes for each cut, each hour of a partition
// and each broadcast. It may run while archivers write: open cuts are left out.

import { HayateError } from '../../kernel/error.ts';
import type { CommittedOffsets } from '../../log/log.ts';
import type { Store } from '../../store/store.ts';
import { broadcastKey, parseBroadcastKey } from '../layout/broadcast-name.ts';
import { type ErasedSet, listErased, readErasure } from '../layout/erasure-record.ts';
import type { Manifest } from '../layout/manifest.ts';
import { findManifest } from '../layout/manifest-chain.ts';
import { erasedKey, manifestKey, manifestPrefix, type PartitionName, parseManifestKey } from '../layout/path.ts';
import { OBJECT_KINDS, type ObjectKind } from '../layout/retained.ts';
import type { CutContent } from './cut-content.ts';
import { errorText, type Finding } from './finding.ts';
import { type CutCounts, walkPartition } from './partition-walk.ts';
import { UnnamedObjectCheck } from './unnamed-object-check.ts';

export type { Finding, Rule } from './finding.ts';

/** Counts of the verified contents. */
export interface Summary {
  partitions: number;
  cuts: number;
  /** Objects by kind, including `hourly`. */
  objects: Record<ObjectKind | 'hourly', number>;
  bytes: number;
  /** Objects of cuts that are still being written; they are not checked. */
  openObjects: number;
  frames: number;
  broadcasts: number;
  /** Seconds that the on-time segments play. */
  voiceSeconds: number;
  /**
   * Start of the first and the last window, Unix milliseconds; undefined if nothing is archived.
   */
  fromMs: number | undefined;
  toMs: number | undefined;
  /** Number of all findings. */
  findings: number;
}

/** What to verify. */
interface VerifyOptions {
  store: Store;
  /** The log's committed offsets, if the log can be asked; read before the verifier begins. */
  committed?: CommittedOffsets;
  /**
   * Only cuts with windows from `fromMs` to before `toMs`, Unix milliseconds. With it, objects that
   * no manifest names are not searched.
   */
  fromMs?: number;
  toMs?: number;
  /** Called after each cut. */
  onProgress?: (progress: { cuts: number; cutsTotal: number }) => void;
  /** Called with every finding, in the order of the walk. */
  onFinding?: (finding: Finding) => void;
  /** Stops between two cuts; verifyArchive then throws its reason. */
  signal?: AbortSignal;
}

/** Maximum number of findings kept; further ones are only counted and passed to `onFinding`. */
const FINDINGS_KEPT_MAX = 1_000;

/**
 * Verifies an archive. An intact archive has no findings. Throws only the store's errors and the
 * signal's reason.
 */
export async function verifyArchive(options: VerifyOptions): Promise<{ findings: Finding[]; summary: Summary }> {
  return new Verifier(options).run();
}

interface ListedPartition {
  name: PartitionName;
  /** Starts of its manifests, ascending. */
  starts: number[];
  fromOldest: boolean;
}

class Verifier {
  readonly #store: Store;
  readonly #options: VerifyOptions;
  readonly #findings: Finding[] = [];
  readonly #unnamed = new UnnamedObjectCheck();
  readonly #newest = new Map<string, Manifest>();
  /** Partitions of which a cut has been counted. */
  readonly #begun = new Set<string>();
  /** Broken records that have been reported. */
  readonly #badErasures = new Set<string>();
  /** Records that were complete when last read; a complete record stays complete. */
  readonly #completed = new Set<string>();
  #cutsTotal = 0;
  readonly #summary: Summary = {
    partitions: 0,
    cuts: 0,
    objects: { frames: 0, marks: 0, statistics: 0, audio: 0, hourly: 0 },
    bytes: 0,
    openObjects: 0,
    frames: 0,
    broadcasts: 0,
    voiceSeconds: 0,
    fromMs: undefined,
    toMs: undefined,
    findings: 0,
  };

  constructor(options: VerifyOptions) {
    this.#store = options.store;
    this.#options = options;
  }

  async run(): Promise<{ findings: Finding[]; summary: Summary }> {
    const { fromMs, toMs, signal } = this.#options;
    const partitions = await this.#listPartitions();
    const isLimited = fromMs !== undefined || toMs !== undefined;
    if (isLimited) for (const partition of partitions) await this.#limit(partition, fromMs ?? 0, toMs ?? Infinity);
    this.#cutsTotal = partitions.reduce((sum, { starts }) => sum + Math.max(0, starts.length - 1), 0);
    for (const { name, starts, fromOldest } of partitions) {
      const newest = await walkPartition({
        store: this.#store,
        name,
        starts,
        fromOldest,
        report: (finding) => this.#report(finding),
        erasures: () => this.#erasures(),
        onCut: (cut, counts) => this.#count(cut, counts),
        onHourlyFile: (key, size) => this.#countHourly(key, size),
        signal,
      });
      if (newest === undefined) continue;
      this.#unnamed.end(newest);
      this.#newest.set(manifestPrefix(name), newest);
    }
    if (!isLimited) await this.#unnamed.check(this.#store, (finding) => this.#report(finding));
    this.#summary.openObjects = this.#unnamed.open;
    if (toMs === undefined) await this.#checkCommitted();
    await this.#checkErasures();
    return { findings: this.#findings, summary: this.#summary };
  }

  #report(finding: Finding): void {
    this.#summary.findings++;
    if (this.#findings.length < FINDINGS_KEPT_MAX) this.#findings.push(finding);
    this.#options.onFinding?.(finding);
  }

  async #erasures(): Promise<{ erased: ErasedSet; erasedWholly: ErasedSet }> {
    const erased = await listErased(this.#store);
    for (const key of erased) if (!this.#completed.has(key) && (await this.#isComplete(key))) this.#completed.add(key);
    return { erased, erasedWholly: new Set(this.#completed) };
  }

  async #isComplete(broadcast: string): Promise<boolean> {
    const name = parseBroadcastKey(broadcast);
    try {
      return (await readErasure(this.#store, name))?.completedUnixMs !== undefined;
    } catch (error) {
      if (!(error instanceof HayateError) || error.code !== 'CORRUPT') throw error;
      if (!this.#badErasures.has(broadcast))
        this.#report({ rule: 'erasure', key: erasedKey(name), expected: 'a record of an erasure', found: errorText(error) });
      this.#badErasures.add(broadcast);
      return false;
    }
  }

  async #checkErasures(): Promise<void> {
    const { erased, erasedWholly } = await this.#erasures();
    for (const broadcast of erased)
      if (!erasedWholly.has(broadcast) && !this.#badErasures.has(broadcast))
        this.#report({
          rule: 'erasure',
          key: erasedKey(parseBroadcastKey(broadcast)),
          expected: 'a completed erasure',
          found: 'an unfinished one: run it again',
        });
  }

  /** Returns the current partitions with the starts of their manifests. */
  async #listPartitions(): Promise<ListedPartition[]> {
    const partitions = new Map<string, ListedPartition>();
    for await (const { key } of this.#store.list('cuts/')) {
      const found = parseManifestKey(key);
      if (found === undefined) {
        this.#report({ rule: 'unnamed objects', key, expected: 'a key of the archive', found: 'another' });
        continue;
      }
      const { start, ...name } = found;
      const partition = partitions.get(manifestPrefix(name)) ?? { name, starts: [], fromOldest: true };
      partition.starts.push(start);
      partitions.set(manifestPrefix(name), partition);
    }
    this.#summary.partitions = partitions.size;
    return [...partitions.values()];
  }

  /**
   * Keeps only the manifests around cuts that may have windows of the requested time, found by
   * binary search.
   */
  async #limit(partition: ListedPartition, fromMs: number, toMs: number): Promise<void> {
    const { name, starts } = partition;
    const firstAt = async (limitMs: number) => {
      let [near, far] = [0, starts.length];
      while (near < far) {
        const middle = (near + far) >> 1;
        if ((await this.#windowOf(name, starts, middle)) >= limitMs) far = middle;
        else near = middle + 1;
      }
      return near;
    };
    const first = Math.max(0, (fromMs === 0 ? 0 : await firstAt(fromMs)) - 1);
    const end = toMs === Infinity ? starts.length : (await firstAt(toMs)) + 1;
    partition.fromOldest = first === 0 && end >= starts.length;
    partition.starts = starts.slice(first, end);
  }

  /** The window of a manifest, or of the next one that can be read. */
  async #windowOf(name: PartitionName, starts: readonly number[], at: number): Promise<number> {
    for (const start of starts.slice(at)) {
      const manifest = await findManifest(this.#store, name, start).catch(() => undefined);
      if (manifest !== undefined) return manifest.state.windowStartMs;
    }
    return Infinity;
  }

  #count({ before, after, present }: CutContent, counts: CutCounts): void {
    const summary = this.#summary;
    summary.cuts++;
    for (const { key, kind, size } of present) {
      this.#unnamed.add(key);
      summary.objects[kind]++;
      summary.bytes += size;
    }
    const isFirst = !this.#begun.has(manifestPrefix(before));
    this.#begun.add(manifestPrefix(before));
    const known = new Set(isFirst ? [] : before.state.epochs.map(broadcastKey));
    summary.broadcasts += after.state.epochs.filter((epoch) => !known.has(broadcastKey(epoch))).length;
    summary.frames += counts.frames;
    summary.voiceSeconds += counts.voiceSamples / 48_000;
    const fromMs = before.state.windowStartMs > 0 ? before.state.windowStartMs : after.state.windowStartMs;
    summary.fromMs = Math.min(summary.fromMs ?? Infinity, fromMs);
    summary.toMs = Math.max(summary.toMs ?? 0, after.state.windowStartMs);
    this.#cutsTotal = Math.max(this.#cutsTotal, summary.cuts);
    this.#options.onProgress?.({ cuts: summary.cuts, cutsTotal: this.#cutsTotal });
  }

  #countHourly(key: string, size: number): void {
    this.#unnamed.addHourly(key);
    this.#summary.objects.hourly++;
    this.#summary.bytes += size;
  }

  async #checkCommitted(): Promise<void> {
    const { committed } = this.#options;
    if (committed === undefined) return;
    for (const [partition, offset] of committed.partitions.entries()) {
      if (offset === undefined) continue;
      const name = { log: committed.log, partition };
      const key = manifestKey(name, offset);
      const newest = this.#newest.get(manifestPrefix(name))?.start;
      // Retention never deletes the manifest of the newest cut, and the committed offset is not
      // older than the kept cuts.
      if (newest === undefined || offset > newest || (await this.#store.head(key)) === undefined)
        this.#report({
          rule: 'committed',
          key,
          expected: `the manifest of the committed offset ${offset}`,
          found: newest === undefined ? 'no manifest' : `none; the newest manifest is that of ${newest}`,
        });
    }
  }
}

/** Kinds in the order in which summaries show them. */
export const SUMMARY_KINDS: readonly (ObjectKind | 'hourly')[] = [...OBJECT_KINDS, 'hourly'];
