// Counts the damage found while reading a recording, and describes each kind in one sentence. Of a
// recording that loops, only the first pass counts, because later passes find the same.
import type { OggTroubleKind } from '../../format/ogg/index.ts';

/** The kinds that a decoder or a player of links adds to those of a reader. */
type TroubleKind = OggTroubleKind | 'undecodable' | 'unplayableLink';

const count = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;

const SENTENCES: Readonly<Record<TroubleKind, (times: number, amount: number) => string>> = {
  junk: (times, bytes) => `${count(bytes, 'byte')} outside of Ogg pages skipped (in ${count(times, 'place')})`,
  tornPage: (times, bytes) => `${count(bytes, 'byte')} of damaged Ogg pages skipped (in ${count(times, 'place')})`,
  cutPage: (_, bytes) => `the file ends in the middle of an Ogg page: its last ${count(bytes, 'byte')} could not be read`,
  missingPage: (times, pages) => `${count(pages, 'Ogg page is', 'Ogg pages are')} missing (in ${count(times, 'place')})`,
  pageOrder: (times) => `${count(times, 'Ogg page')} out of order or repeated: played in order of arrival`,
  brokenPacket: (_, packets) => `${count(packets, 'packet')} left out: part of each is missing`,
  badPacket: (times) => `${count(times, 'packet')} left out: not Opus`,
  emptyPacket: (times) => `${count(times, 'empty packet')} left out`,
  lostTime: (times, samples) =>
    `${count(Math.round(samples / 48), 'ms', 'ms')} of sound missing (in ${count(times, 'place')}): its time is kept`,
  granule: (times) => `${count(times, 'time stamp')} (granule position) wrong and ignored`,
  noEnd: (times) => `${count(times, 'recording does', 'recordings do')} not say where it ends: it may be cut short`,
  strayPage: (times) => `${count(times, 'Ogg page')} of unknown streams skipped`,
  otherStream: (times) => `${count(times, 'other stream')} in the file not played`,
  noTags: (times) => `${count(times, 'recording has', 'recordings have')} no tags`,
  tagEncoding: (_, tags) => `${count(tags, 'tag is', 'tags are')} not UTF-8: read as Latin-1`,
  tagShape: (_, tags) => `${count(tags, 'tag')} without a name or an equals sign left out`,
  tagsCut: () => 'the tags are cut short',
  undecodable: (times) => `${count(times, 'packet')} replaced: the decoder refused them`,
  unplayableLink: (times) => `${count(times, 'recording')} of the chain left out: their channels cannot be sent`,
};

/** Kinds that lose sound. `lostTime` measures some of it. */
const LOSSES = ['tornPage', 'cutPage', 'missingPage', 'brokenPacket', 'badPacket', 'undecodable', 'unplayableLink'] as const;

/** Counts damage. */
export class VoiceTrouble {
  readonly #counts = new Map<TroubleKind, { times: number; amount: number }>();
  #isOpen = true;

  /** Counts one occurrence; `amount` as defined in ogg-trouble.ts. */
  readonly add = (kind: TroubleKind, amount: number): void => {
    if (!this.#isOpen) return;
    const counted = this.#counts.get(kind) ?? { times: 0, amount: 0 };
    this.#counts.set(kind, { times: counted.times + 1, amount: counted.amount + amount });
  };

  /** The recording has been read to its end once: nothing more is counted. */
  close(): void {
    this.#isOpen = false;
  }

  /** A sentence without a full stop for each kind that was found. */
  sentences(): string[] {
    return [...this.#counts].map(([kind, { times, amount }]) => SENTENCES[kind](times, amount));
  }

  /**
   * A clause that says how much of the recording could not be read; undefined if all of it could.
   */
  loss(): string | undefined {
    const ms = Math.round((this.#counts.get('lostTime')?.amount ?? 0) / 48);
    const hasLoss = LOSSES.some((kind) => this.#counts.has(kind));
    if (ms === 0) return hasLoss ? 'some of the file could not be read' : undefined;
    return `${this.#counts.has('cutPage') ? 'at least ' : ''}${ms} ms of the file could not be read`;
  }
}
