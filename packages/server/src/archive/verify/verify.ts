// The verifier: a store in, findings out. Walks each partition's manifests from the oldest kept one and checks every cut against
// the two manifests around it, as spec/archive.md, "Verification", says. Holds one cut at a time, what the manifests remember,
// and some bytes for each hour of a partition and each broadcast. Safe beside archivers: what is being written is left out.
import type { Store } from '../../store/store.ts';
import type { BroadcastName } from '../broadcast-order.ts';
import { broadcastKey, type ErasedSet, listErased, readErasure } from '../erasure-record.ts';
import type { Manifest } from '../manifest.ts';
import { findManifest } from '../manifest-chain.ts';
import { erasedKey, manifestKey, manifestPrefix, type PartitionName, parseManifestKey } from '../path.ts';
import { OBJECT_KINDS, type ObjectKind, readRetained } from '../retained.ts';
import { type AudioContent, type CutContent, readCut } from './cut-content.ts';
import { errorText, type Finding, type Report } from './finding.ts';
import { HourlyCheck } from './hourly-check.ts';
import { Ledger } from './ledger.ts';
import { checkStatistics } from './recount.ts';
import { checkErasedState, checkOffsets, checkSequences, epochState } from './sequence-check.ts';
import { checkVoice } from './voice-check.ts';

export type { Finding, Rule } from './finding.ts';

/** What has been looked at. */
export interface Summary {
  partitions: number;
  cuts: number;
  /** By kind; `hourly` too. */
  objects: Record<ObjectKind | 'hourly', number>;
  bytes: number;
  /** Of cuts that are being written: not looked at. */
  openObjects: number;
  frames: number;
  broadcasts: number;
  /** Played by the segments on time. */
  voiceSeconds: number;
  /** Start of the first and the last window, Unix milliseconds; undefined if nothing is archived. */
  fromMs: number | undefined;
  toMs: number | undefined;
}

/** What to verify. */
export interface VerifyOptions {
  store: Store;
  /** What the log says is committed, if it can be asked: by partition, undefined before its first commit. */
  committed?: { log: string; partitions: readonly (number | undefined)[] };
  /** Called after each cut. */
  onProgress?: (progress: { cuts: number; cutsTotal: number }) => void;
}

/** Verifies an archive. Findings in the order of the walk; none: all is as it should be. Throws only what the store throws. */
export async function verifyArchive(options: VerifyOptions): Promise<{ findings: Finding[]; summary: Summary }> {
  const verifier = new Verifier(options);
  return verifier.run();
}

class Verifier {
  readonly #store: Store;
  readonly #options: VerifyOptions;
  readonly #findings: Finding[] = [];
  readonly #report: Report = (finding) => this.#findings.push(finding);
  readonly #ledger = new Ledger();
  readonly #newest = new Map<string, Manifest>();
  #erased: ErasedSet = new Set();
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
  };

  constructor(options: VerifyOptions) {
    this.#store = options.store;
    this.#options = options;
  }

  async run(): Promise<{ findings: Finding[]; summary: Summary }> {
    await this.#readErasures();
    const partitions = await this.#listPartitions();
    for (const { name, starts } of partitions) await this.#walk(name, starts);
    await this.#ledger.check(this.#store, this.#report);
    this.#summary.openObjects = this.#ledger.open;
    await this.#checkCommitted();
    return { findings: this.#findings, summary: this.#summary };
  }

  async #readErasures(): Promise<void> {
    const erased = new Set<string>();
    for (const key of await listErased(this.#store)) {
      const [stream = '', epoch = ''] = key.split('/');
      const record = await readErasure(this.#store, { stream, epoch });
      if (record?.completedUnixMs !== undefined) erased.add(key);
      else
        this.#report({
          rule: 'erasure',
          key: erasedKey({ stream, epoch }),
          expected: 'a completed erasure',
          found: 'one that was not finished: run it again',
        });
    }
    this.#erased = erased;
  }

  /** Partitions with the starts of their manifests: all that is known when the walk begins. */
  async #listPartitions(): Promise<{ name: PartitionName; starts: number[] }[]> {
    const partitions = new Map<string, { name: PartitionName; starts: number[] }>();
    for await (const { key } of this.#store.list('cuts/')) {
      const found = parseManifestKey(key);
      if (found === undefined) {
        this.#report({ rule: 'unnamed objects', key, expected: 'a key of the archive', found: 'another' });
        continue;
      }
      const { start, ...name } = found;
      const partition = partitions.get(manifestPrefix(name)) ?? { name, starts: [] };
      partition.starts.push(start);
      partitions.set(manifestPrefix(name), partition);
    }
    const all = [...partitions.values()];
    this.#summary.partitions = all.length;
    this.#cutsTotal = all.reduce((sum, { starts }) => sum + starts.length - 1, 0);
    return all;
  }

  async #walk(name: PartitionName, starts: readonly number[]): Promise<void> {
    const hourly = new HourlyCheck(this.#store, name, this.#report);
    let before: Manifest | undefined;
    let known = new Set<string>();
    for (const start of starts) {
      const after = await this.#readManifest(name, start);
      if (after === undefined) {
        hourly.skip();
        before = undefined;
        continue;
      }
      checkErasedState(after, this.#erased, this.#report);
      if (after.previous === undefined) hourly.beginAtFirst();
      if (before === undefined) await this.#checkOldest(after, start === starts[0]);
      else if (after.previous?.start !== before.start)
        this.#report({
          rule: 'manifests',
          key: manifestKey(name, start),
          expected: `the manifest behind that of ${before.start}`,
          found: `one behind ${after.previous?.start}`,
        });
      else await this.#checkCut(before, after, hourly);
      known = this.#countBroadcasts(known, before, after);
      before = after;
    }
    if (before === undefined) return;
    await hourly.end();
    this.#summary.objects.hourly += hourly.objects;
    this.#summary.bytes += hourly.bytes;
    this.#ledger.end(before);
    this.#newest.set(manifestPrefix(name), before);
  }

  /** undefined, and reported, if it is damaged; only undefined if it has gone since it was listed. */
  async #readManifest(name: PartitionName, start: number): Promise<Manifest | undefined> {
    const key = manifestKey(name, start);
    try {
      const manifest = await findManifest(this.#store, name, start);
      if (manifest !== undefined && (manifest.start !== start || manifest.log !== name.log || manifest.partition !== name.partition))
        this.#report({
          rule: 'manifests',
          key,
          expected: 'the manifest of this key',
          found: `that of ${manifestKey(manifest, manifest.start)}`,
        });
      if (manifest === undefined && start >= (await readRetained(this.#store, name)).cuts)
        this.#report({ rule: 'manifests', key, expected: 'the manifest that was listed', found: 'nothing' });
      return manifest;
    } catch (error) {
      this.#report({ rule: 'manifests', key, expected: 'a manifest', found: errorText(error) });
      return undefined;
    }
  }

  /** The oldest manifest is the first of all, unless those before it were deleted for their age. */
  async #checkOldest(oldest: Manifest, isFirst: boolean): Promise<void> {
    if (!isFirst || oldest.previous === undefined) return;
    const { cuts } = await readRetained(this.#store, oldest);
    if (oldest.previous.start >= cuts)
      this.#report({
        rule: 'manifests',
        key: manifestKey(oldest, oldest.previous.start),
        expected: 'the manifest before the oldest one',
        found: 'nothing',
      });
  }

  async #checkCut(before: Manifest, after: Manifest, hourly: HourlyCheck): Promise<void> {
    const { erased, report, store } = { erased: this.#erased, report: this.#report, store: this.#store };
    const retained = await readRetained(store, before);
    const cut = await readCut(before, after, { store, retained, erased, report });
    checkOffsets(cut, report);
    checkSequences(cut, erased, report);
    this.#checkBroadcasts(cut);
    if (cut.whole.statistics) for (const object of cut.statistics) await hourly.take(object);
    else hourly.skip();
    this.#count(cut);
    this.#options.onProgress?.({ cuts: this.#summary.cuts, cutsTotal: this.#cutsTotal });
  }

  /** Voice and statistics, broadcast by broadcast. */
  #checkBroadcasts(cut: CutContent): void {
    const { before, after, whole } = cut;
    const frames = group(cut.frames.toSorted((a, b) => a.name.start - b.name.start).flatMap(({ rows }) => rows));
    const marks = group(cut.marks.toSorted((a, b) => a.name.start - b.name.start).flatMap(({ rows }) => rows));
    const inWindowOrder = cut.statistics.toSorted((a, b) => a.name.start - b.name.start);
    const rows = group(inWindowOrder.flatMap(({ key, rows }) => rows.map((row) => ({ key, row, stream: row.stream, epoch: row.epoch }))));
    const audio = Map.groupBy(cut.audio, ({ key }) => key.split('/', 3).slice(1).join('/'));
    for (const name of new Set([...frames.keys(), ...marks.keys(), ...rows.keys(), ...audio.keys()])) {
      if (this.#erased.has(name)) continue;
      const [stream = '', epoch = ''] = name.split('/');
      const states = { before: epochState(before, { stream, epoch }), after: epochState(after, { stream, epoch }) };
      const voiceKnown = whole.frames && whole.audio;
      const voice = voiceKnown
        ? checkVoice(frames.get(name) ?? [], audio.get(name) ?? [], {
            name: { stream, epoch },
            ...states,
            prerollMs: before.config.prerollMs,
            report: this.#report,
          })
        : undefined;
      if (whole.frames && whole.marks && whole.statistics)
        checkStatistics(
          { frames: frames.get(name) ?? [], marks: marks.get(name) ?? [], rows: rows.get(name) ?? [], before: states.before, voice },
          this.#report,
        );
    }
  }

  #count({ before, after, frames, audio, present }: CutContent): void {
    const summary = this.#summary;
    summary.cuts++;
    for (const { key, kind, size } of present) {
      this.#ledger.add(key);
      summary.objects[kind]++;
      summary.bytes += size;
    }
    summary.frames += frames.reduce((sum, { rows }) => sum + rows.length, 0);
    summary.voiceSeconds += audio.reduce((sum, segment) => sum + playedOnTime(segment), 0) / 48_000;
    const fromMs = before.state.windowStartMs > 0 ? before.state.windowStartMs : after.state.windowStartMs;
    summary.fromMs = Math.min(summary.fromMs ?? Infinity, fromMs);
    summary.toMs = Math.max(summary.toMs ?? 0, after.state.windowStartMs);
  }

  /** Broadcasts that a manifest remembers and the one before did not. */
  #countBroadcasts(known: Set<string>, before: Manifest | undefined, after: Manifest): Set<string> {
    const names = new Set(after.state.epochs.map(broadcastKey));
    for (const name of names) if (before === undefined || !known.has(name)) this.#summary.broadcasts++;
    return names;
  }

  async #checkCommitted(): Promise<void> {
    const { committed } = this.#options;
    for (const [partition, offset] of committed?.partitions.entries() ?? []) {
      if (committed === undefined || offset === undefined) continue;
      const name = { log: committed.log, partition };
      const newest = this.#newest.get(manifestPrefix(name))?.start;
      const key = manifestKey(name, offset);
      if (newest === undefined || ((await this.#store.head(key)) === undefined && offset >= (await readRetained(this.#store, name)).cuts))
        this.#report({
          rule: 'committed',
          key,
          expected: `the manifest of the committed offset ${offset}`,
          found: newest === undefined ? 'no manifest' : `the newest is that of ${newest}`,
        });
    }
  }
}

function playedOnTime({ name, link }: AudioContent): number {
  return name.late ? 0 : link.playedSamples;
}

function group<Row extends BroadcastName>(rows: readonly Row[]): Map<string, Row[]> {
  return Map.groupBy(rows, broadcastKey);
}

/** Kinds in the order in which summaries show them. */
export const SUMMARY_KINDS: readonly (ObjectKind | 'hourly')[] = [...OBJECT_KINDS, 'hourly'];
