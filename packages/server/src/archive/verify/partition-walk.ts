// Walks one partition from its oldest manifest to its newest, and checks each cut between two
// manifests. An archive changes while it is read, so a cut with findings is checked a second time,
// with the records of intended deletions read again.
import { setImmediate as giveWay } from 'node:timers/promises';
import { HayateError } from '../../kernel/error.ts';
import type { Store } from '../../store/store.ts';
import { hourOf } from '../layout/hour.ts';
import type { Manifest } from '../layout/manifest.ts';
import { findManifest, listCuts } from '../layout/manifest-chain.ts';
import { manifestKey, type PartitionName, parseHourlyKey, retainedKey } from '../layout/path.ts';
import { everythingRetained, type Retained, readRetained } from '../layout/retained.ts';
import { broadcastsOf } from './broadcast-content.ts';
import { type CutContent, type DeletionState, readCut } from './cut-content.ts';
import { errorText, type Finding, type Report } from './finding.ts';
import { HourlyCheck } from './hourly-check.ts';
import { checkRows, checkTiles, checkWindows, ObjectWindows } from './offset-check.ts';
import { checkStatistics } from './recount.ts';
import { checkErasedState, checkForgotten, checkSequences } from './sequence-check.ts';
import { checkVoice } from './voice-check.ts';

/** Counts of the broadcasts of a cut. */
export interface CutCounts {
  frames: number;
  /** Samples that the on-time segments play, 48 kHz. */
  voiceSamples: number;
}

interface PartitionWalkOptions {
  store: Store;
  name: PartitionName;
  /** Starts of the manifests to walk, ascending. */
  starts: readonly number[];
  /** Whether the partition's oldest manifest is the first of `starts`. */
  fromOldest: boolean;
  report: Report;
  /** Returns the current records of erasure. */
  erasures: () => Promise<Pick<DeletionState, 'erased' | 'erasedWholly'>>;
  onCut: (cut: CutContent, counts: CutCounts) => void;
  onHourlyFile: (key: string, size: number) => void;
  signal: AbortSignal | undefined;
}

/** Walks the partition; resolves to the newest manifest that could be read. */
export async function walkPartition(options: PartitionWalkOptions): Promise<Manifest | undefined> {
  return new PartitionWalk(options).run();
}

class PartitionWalk {
  readonly #options: PartitionWalkOptions;
  #deletions: DeletionState | undefined;
  #isRecordBad = false;

  constructor(options: PartitionWalkOptions) {
    this.#options = options;
  }

  async run(): Promise<Manifest | undefined> {
    const { store, name, report, fromOldest, signal } = this.#options;
    const deletions = await this.#refresh();
    const hourly = new HourlyCheck({
      store,
      name,
      report,
      doneBeforeMs: await this.#hoursDone(deletions),
      deletions: () => this.#refresh(),
      onFile: this.#options.onHourlyFile,
    });
    let newest: Manifest | undefined;
    let before: Manifest | undefined;
    let isFirst = true;
    for await (const start of this.#starts()) {
      signal?.throwIfAborted();
      const after = await this.#readManifest(start);
      if (after !== undefined) {
        if (before !== undefined) await this.#checkCut(before, after, hourly);
        else if (isFirst && fromOldest) await this.#checkOldest(after);
        if (isFirst && after.previous === undefined) hourly.beginAtFirst();
      } else hourly.lose();
      isFirst = false;
      before = after;
      newest = after ?? newest;
    }
    await hourly.end();
    return newest;
  }

  /** Yields the starts listed at first, then those of manifests written since. */
  async *#starts(): AsyncIterable<number> {
    const { store, name, starts } = this.#options;
    yield* starts;
    if (starts.length === 0 || !this.#options.fromOldest) return;
    for (let last = starts.at(-1) ?? 0, more = true; more; ) {
      more = false;
      for await (const start of listCuts(store, name, last + 1)) {
        yield start;
        last = start;
        more = true;
      }
    }
  }

  async #checkCut(before: Manifest, after: Manifest, hourly: HourlyCheck): Promise<void> {
    const { report, onCut } = this.#options;
    let { findings, cut, counts } = await this.#look(before, after, this.#deletions ?? (await this.#refresh()));
    if (findings.length > 0) {
      const deletions = await this.#refresh();
      const [first, second] = [await this.#again(before), await this.#again(after)];
      // The manifest was deleted for its age, or damaged, meanwhile. Another check reports that.
      if (first === undefined || second === undefined) return hourly.lose();
      ({ findings, cut, counts } = await this.#look(first, second, deletions));
    }
    for (const finding of findings.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))) report(finding);
    if (cut.whole.statistics)
      for (const object of cut.statistics.toSorted((a, b) => a.name.start - b.name.start)) await hourly.take(object);
    else for (const hourMs of hoursOf(cut)) await hourly.skip(hourMs);
    onCut(cut, counts);
  }

  /** Returns all findings of a cut, by its current content. */
  async #look(
    before: Manifest,
    after: Manifest,
    deletions: DeletionState,
  ): Promise<{ findings: Finding[]; cut: CutContent; counts: CutCounts }> {
    const findings: Finding[] = [];
    const report: Report = (finding) => findings.push(finding);
    this.#checkChain(before, after, report);
    checkTiles(before, after, report);
    for (const manifest of [before, after]) checkErasedState(manifest, deletions.erasedWholly, report);
    const cut = await readCut(this.#options.store, before, after, deletions, report);
    for (const object of cut.marks) checkRows(object, report);
    checkForgotten(cut, deletions.erased, report);
    if (cut.whole.statistics) checkWindows(cut, report);
    const windows = new ObjectWindows();
    const counts = { frames: 0, voiceSamples: 0 };
    for (const broadcast of broadcastsOf(cut, deletions.erased, report)) {
      const { whole, frames, segments } = broadcast;
      counts.frames += frames.length;
      for (const { name, link } of segments) if (!name.late) counts.voiceSamples += link.playedSamples;
      for (const object of broadcast.frameObjects) checkRows(object, report);
      if (whole.statistics) windows.check(broadcast, report);
      checkSequences(broadcast, report);
      const voice = whole.frames && whole.audio ? checkVoice(broadcast, report) : undefined;
      if (whole.frames && whole.marks && whole.statistics) checkStatistics(broadcast, voice, report);
      await giveWay();
    }
    return { findings, cut, counts };
  }

  #checkChain(before: Manifest, after: Manifest, report: Report): void {
    const key = manifestKey(after, after.start);
    if (after.previous?.start !== before.start)
      report({
        rule: 'manifests',
        key,
        expected: `the manifest that follows ${before.start}`,
        found: `one that follows ${after.previous?.start}`,
      });
    if (after.state.windowStartMs < before.state.windowStartMs)
      report({ rule: 'manifests', key, expected: `windows from ${before.state.windowStartMs} on`, found: `${after.state.windowStartMs}` });
    const keys = after.previous?.objects.map((object) => object.key) ?? [];
    if (keys.some((each, i) => i > 0 && each <= (keys[i - 1] ?? '')))
      report({ rule: 'manifests', key, expected: 'objects sorted by key, each once', found: 'another order' });
  }

  /**
   * Reads the manifest at `start`. Returns undefined if it is deleted for its age, or damaged,
   * which is reported.
   */
  async #readManifest(start: number): Promise<Manifest | undefined> {
    const { store, name, report } = this.#options;
    const key = manifestKey(name, start);
    try {
      const manifest = await findManifest(store, name, start);
      if (manifest === undefined) {
        if (start >= (await this.#refresh()).retained.cuts)
          report({ rule: 'manifests', key, expected: 'the manifest that was listed', found: 'nothing' });
        return undefined;
      }
      if (manifestKey(manifest, manifest.start) === key) return manifest;
      report({ rule: 'manifests', key, expected: 'the manifest of this key', found: `that of ${manifestKey(manifest, manifest.start)}` });
    } catch (error) {
      report({ rule: 'manifests', key, expected: 'a manifest', found: errorText(error) });
    }
    return undefined;
  }

  #again({ start }: Manifest): Promise<Manifest | undefined> {
    return findManifest(this.#options.store, this.#options.name, start).catch(() => undefined);
  }

  /**
   * Checks that the oldest manifest is the first of all, unless earlier ones were deleted for their
   * age.
   */
  async #checkOldest(oldest: Manifest): Promise<void> {
    if (oldest.previous === undefined || oldest.previous.start < (await this.#refresh()).retained.cuts) return;
    const key = manifestKey(oldest, oldest.previous.start);
    this.#options.report({ rule: 'manifests', key, expected: 'the manifest before the oldest one', found: 'nothing' });
  }

  async #hoursDone({ retained }: DeletionState): Promise<number> {
    if (retained.hourly === 0) return 0;
    const manifest = await findManifest(this.#options.store, this.#options.name, retained.hourly).catch(() => undefined);
    return manifest === undefined ? 0 : hourOf(manifest.state.windowStartMs);
  }

  async #refresh(): Promise<DeletionState> {
    const { erasures } = this.#options;
    this.#deletions = { retained: await this.#retained(), ...(await erasures()) };
    return this.#deletions;
  }

  async #retained(): Promise<Retained> {
    const { store, name, report } = this.#options;
    try {
      return await readRetained(store, name);
    } catch (error) {
      if (!(error instanceof HayateError) || error.code !== 'CORRUPT') throw error;
      if (!this.#isRecordBad)
        report({ rule: 'manifests', key: retainedKey(name), expected: 'a valid retention record', found: errorText(error) });
      this.#isRecordBad = true;
      return everythingRetained(name);
    }
  }
}

/** The hours of a cut's statistics, by the names in its manifest. */
function hoursOf({ after }: CutContent): Set<number> {
  const names = after.previous?.objects.map(({ key }) => parseHourlyKey(key)) ?? [];
  return new Set(names.flatMap((name) => (name?.folder === 'statistics' ? [name.hourMs] : [])));
}
