// Erases broadcasts: writes the record, replaces every object that holds content of them, then
// completes the record. After an interruption the next run finds the record and continues. There
// are no locks. Each process that rewrites an object removes every broadcast that has a record, and
// starts again if there are more records when it is done. So if two processes rewrite the same
// object at the same time, the last write lacks the broadcasts of both.

import { epochText } from '@hayate/protocol';
import { concurrently } from '../../kernel/concurrently.ts';
import { HayateError } from '../../kernel/error.ts';
import type { Store } from '../../store/store.ts';
import { STORE_CONCURRENCY } from '../../store/store-concurrency.ts';
import { encodeErasedAudio } from '../layout/audio-object.ts';
import { broadcastKey } from '../layout/broadcast-name.ts';
import { completeErasure, type ErasedSet, listErased, requestErasure } from '../layout/erasure-record.ts';
import type { Manifest } from '../layout/manifest.ts';
import { findManifest, listCuts } from '../layout/manifest-chain.ts';
import { hourlyPrefix, manifestKey, parseAudioKey, parseHourlyKey } from '../layout/path.ts';
import { type ObjectKind, readRetained } from '../layout/retained.ts';
import { FrameReader } from '../read/frame-reader.ts';
import { epochIn, eraseFromFrames, eraseFromManifest, eraseFromMarks, eraseFromStatistics } from './erasure-object.ts';
import { type FoundBroadcast, framesOf } from './erasure-search.ts';

/** The progress of an erasure, over all its rounds. */
export interface ErasureCounts {
  /** Manifests read. */
  cuts: number;
  /** Objects replaced, by kind. */
  replaced: Record<ObjectKind | 'hourly' | 'cuts', number>;
}

interface EraseOptions {
  store: Store;
  broadcast: FoundBroadcast;
  /** Unix milliseconds. */
  now: () => number;
  /** Updated during the erasure. */
  counts?: ErasureCounts;
  /** Stops the erasure between two objects; the next run continues. */
  signal?: AbortSignal;
}

/** Counts of an erasure that has not begun. */
export function noCounts(): ErasureCounts {
  return { cuts: 0, replaced: { frames: 0, marks: 0, audio: 0, statistics: 0, hourly: 0, cuts: 0 } };
}

/** Says why the broadcast cannot be erased now; undefined if it can. */
export function whyNotErasable({ ended, lastWindowMs, memoryMs }: FoundBroadcast, nowUnixMs: number): string | undefined {
  // A broadcaster whose streamer died sends no end. After this time its ticket has expired, so it
  // cannot come back.
  if (ended || nowUnixMs - lastWindowMs > memoryMs) return undefined;
  return 'it has not ended yet';
}

/**
 * Erases one broadcast. Resolves when nothing of it is left and its record says so. Throws
 * BAD_REQUEST if it has not ended, or continues while it is erased. Throws CORRUPT if an object
 * cannot be read: everything else is erased first, but the content of that object remains.
 */
export async function eraseBroadcast({ store, broadcast, now, counts = noCounts(), signal }: EraseOptions): Promise<void> {
  const reason = whyNotErasable(broadcast, now());
  if (reason !== undefined) throw new HayateError('BAD_REQUEST', `${broadcastKey(broadcast)} cannot be erased: ${reason}`);
  const record = await requestErasure(store, broadcast, now());
  let { lastWindowMs, frames } = broadcast;
  for (let erased = await listErased(store); ; ) {
    const newest = await new ErasureRound({ store, broadcast: { ...broadcast, lastWindowMs }, erased, counts, signal }).run();
    // An erasure that began meanwhile may have read an object before this one replaced it.
    const records = await listErased(store);
    const late = newest === undefined ? undefined : epochIn(newest, broadcast);
    const moreCame = late !== undefined && late.windowStartMs !== lastWindowMs;
    if (!moreCame && [...records].every((key) => erased.has(key))) break;
    erased = records;
    if (!moreCame) continue;
    if (!late.ended) throw new HayateError('BAD_REQUEST', `${broadcastKey(broadcast)} is still live; end it first`);
    lastWindowMs = late.windowStartMs;
    frames = framesOf(late);
  }
  await completeErasure(store, record, { completedUnixMs: now(), frames });
}

interface VisitedObject {
  key: string;
  kind: ObjectKind | 'cuts';
  /** The object is deleted for its age when `retained` passes this offset. */
  offset: number;
}

/** One pass over the cuts that hold content of a broadcast. */
class ErasureRound {
  readonly #store: Store;
  readonly #broadcast: FoundBroadcast;
  readonly #erased: ErasedSet;
  readonly #counts: ErasureCounts;
  readonly #signal: AbortSignal | undefined;
  /** Objects that this round has looked at. */
  readonly #visited: VisitedObject[] = [];
  /** Prefixes of hours whose statistics may have held content of the broadcast. */
  readonly #hours = new Set<string>();
  #failure: unknown;

  constructor(options: Omit<Required<EraseOptions>, 'now' | 'signal'> & { erased: ErasedSet; signal: AbortSignal | undefined }) {
    this.#store = options.store;
    this.#broadcast = options.broadcast;
    this.#erased = options.erased;
    this.#counts = options.counts;
    this.#signal = options.signal;
  }

  /**
   * Resolves to the partition's newest manifest. Throws CORRUPT at the end if an object could not
   * be read.
   */
  async run(): Promise<Manifest | undefined> {
    let newest: Manifest | undefined;
    let last: number | undefined;
    let behind = false;
    for await (const start of listCuts(this.#store, this.#broadcast, this.#broadcast.firstNamedBy)) {
      last = start;
      if (behind) continue;
      // A manifest that has been deleted names nothing any more.
      const manifest = await findManifest(this.#store, this.#broadcast, start);
      if (manifest === undefined) continue;
      newest = manifest;
      await this.#eraseCutBefore(manifest);
      await this.#eraseManifest(manifest);
      this.#counts.cuts++;
      behind = this.#isBehind(manifest);
    }
    for (const prefix of this.#hours) await this.#eraseHours(prefix);
    await this.#deleteAged();
    if (this.#failure !== undefined) throw this.#failure;
    return last === undefined || last === newest?.start ? newest : await findManifest(this.#store, this.#broadcast, last);
  }

  /**
   * Whether neither this manifest's cut nor any later manifest can hold content of the broadcast.
   */
  #isBehind(manifest: Manifest): boolean {
    return manifest.state.windowStartMs > this.#broadcast.lastWindowMs && epochIn(manifest, this.#broadcast)?.ended !== false;
  }

  async #eraseCutBefore({ previous }: Manifest): Promise<void> {
    await concurrently(previous?.objects ?? [], STORE_CONCURRENCY, async (object) => {
      this.#signal?.throwIfAborted();
      await this.#guarded(this.#eraseObject(object, previous?.start ?? 0));
    });
  }

  async #eraseObject({ key, digest }: { key: string; digest: string }, offset: number): Promise<void> {
    const audio = parseAudioKey(key);
    if (audio !== undefined) {
      if (this.#erased.has(broadcastKey({ stream: audio.stream, epoch: epochText(audio.epoch) })))
        await this.#eraseAudio({ key, kind: 'audio', offset }, encodeErasedAudio(audio, digest));
      return;
    }
    const name = parseHourlyKey(key);
    if (name?.folder === 'frames' && (await this.#hasFrames(key))) await this.#rewrite({ key, kind: 'frames', offset }, eraseFromFrames);
    if (name?.folder === 'marks') await this.#rewrite({ key, kind: 'marks', offset }, eraseFromMarks);
    if (name?.folder !== 'statistics') return;
    await this.#rewrite({ key, kind: 'statistics', offset }, eraseFromStatistics);
    this.#hours.add(hourlyPrefix('hourly', name, name.hourMs));
  }

  /** Does not read the voice: name and digest are enough to write the replacement. */
  async #eraseAudio(object: VisitedObject, nothing: Uint8Array): Promise<void> {
    const head = await this.#store.get(object.key, { offset: 0, length: nothing.length + 1 });
    if (head === undefined) return;
    if (Buffer.compare(head, nothing) !== 0) await this.#replace(object.key, object.kind, nothing);
    this.#visited.push(object);
  }

  /** Reads only the index: most files of a partition hold nothing of the broadcast. */
  async #hasFrames(key: string): Promise<boolean> {
    try {
      return (await FrameReader.open(this.#store, key)).sections.some((section) => this.#erased.has(broadcastKey(section)));
    } catch (error) {
      if (error instanceof HayateError && error.code === 'NOT_FOUND') return false;
      throw error;
    }
  }

  async #rewrite(
    object: VisitedObject,
    erase: (key: string, bytes: Uint8Array, erased: ErasedSet) => Promise<Uint8Array | undefined>,
  ): Promise<void> {
    const bytes = await this.#store.get(object.key);
    if (bytes === undefined) return;
    const left = await erase(object.key, bytes, this.#erased);
    if (left !== undefined) await this.#replace(object.key, object.kind, left);
    this.#visited.push(object);
  }

  async #eraseManifest(manifest: Manifest): Promise<void> {
    const key = manifestKey(manifest, manifest.start);
    const left = eraseFromManifest(manifest, this.#erased);
    if (left !== undefined) await this.#replace(key, 'cuts', left);
    this.#visited.push({ key, kind: 'cuts', offset: manifest.start });
  }

  async #eraseHours(prefix: string): Promise<void> {
    for await (const { key } of this.#store.list(prefix)) {
      this.#signal?.throwIfAborted();
      const bytes = await this.#store.get(key);
      if (bytes === undefined) continue;
      const left = await this.#guarded(eraseFromStatistics(key, bytes, this.#erased));
      if (left !== undefined) await this.#replace(key, 'hourly', left);
      // Retention deletes an hour with the last of its statistics.
      this.#visited.push({ key, kind: 'statistics', offset: (parseHourlyKey(key)?.end ?? 0) - 1 });
    }
  }

  /**
   * Deletes objects that retention deleted while they were replaced here: replacing them may have
   * restored them.
   */
  async #deleteAged(): Promise<void> {
    const retained = await readRetained(this.#store, this.#broadcast);
    for (const { key, kind, offset } of this.#visited) if (offset < retained[kind]) await this.#store.delete(key);
  }

  async #replace(key: string, kind: keyof ErasureCounts['replaced'], bytes: Uint8Array): Promise<void> {
    await this.#store.replace(key, bytes);
    this.#counts.replaced[kind]++;
  }

  /** Keeps an unreadable object from stopping the rest. */
  async #guarded<T>(work: Promise<T>): Promise<T | undefined> {
    try {
      return await work;
    } catch (error) {
      if (!(error instanceof HayateError) || error.code !== 'CORRUPT') throw error;
      this.#failure ??= error;
      return undefined;
    }
  }
}
