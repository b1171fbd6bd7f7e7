// The live streams, as soft state: built from the announcements of all streamer processes. When a
// process falls silent, its streams are removed. Only processes that serve listings hold a
// directory.
import { create, toBinary } from '@bufbuild/protobuf';
import { type Announcement, AnnouncementSchema, ControlSchema, type LiveStream } from '@hayate/protocol/server';
import type { Clock } from '../kernel/clock.ts';
import { Channels, type Shards, type Unsubscribe } from '../shard/shard.ts';
import { decoding } from './channel-message.ts';

/** How long an announcement of a process is valid. */
const DIRECTORY_TTL_MS = 4_000;

const ASK_INTERVAL_MS = 1_000;

interface Announcer {
  number: bigint;
  heardMs: number;
  streams: Map<string, LiveStream>;
}

/** The live streams of all processes. */
export class Directory {
  readonly #announcers = new Map<bigint, Announcer>();
  readonly #clock: Clock;
  readonly #shards: Shards;
  #unsubscribe: Unsubscribe | undefined;
  #askedMs = Number.NEGATIVE_INFINITY;

  private constructor(clock: Clock, shards: Shards) {
    this.#clock = clock;
    this.#shards = shards;
  }

  /**
   * Subscribes, and asks every streamer to announce in full. `malformed` counts announcements that
   * cannot be read.
   */
  static async open(clock: Clock, shards: Shards, malformed: () => void): Promise<Directory> {
    const directory = new Directory(clock, shards);
    directory.#unsubscribe = await shards.subscribe(
      Channels.directory,
      decoding(AnnouncementSchema, (announcement) => directory.#take(announcement), malformed),
    );
    directory.#askAll();
    return directory;
  }

  /**
   * All live streams by name. If two processes announce a stream, the newer epoch and generation
   * wins.
   */
  streams(): LiveStream[] {
    const newest = new Map<string, LiveStream>();
    const oldestMs = this.#clock.nowMs() - DIRECTORY_TTL_MS;
    for (const [incarnation, announcer] of this.#announcers) {
      if (announcer.heardMs < oldestMs) {
        this.#announcers.delete(incarnation);
        continue;
      }
      for (const stream of announcer.streams.values()) {
        const other = newest.get(stream.stream);
        if (other === undefined || stream.epoch > other.epoch || (stream.epoch === other.epoch && stream.generation > other.generation))
          newest.set(stream.stream, stream);
      }
    }
    return [...newest.values()].sort((a, b) => (a.stream < b.stream ? -1 : 1));
  }

  stream(name: string): LiveStream | undefined {
    return this.streams().find((stream) => stream.stream === name);
  }

  close(): void {
    this.#unsubscribe?.();
  }

  #take(announcement: Announcement): void {
    const known = this.#announcers.get(announcement.incarnation);
    if (known !== undefined && announcement.number <= known.number) return;
    // The changes in a lost announcement would stay unknown until the next full one.
    if (known !== undefined && !announcement.full && announcement.number > known.number + 1n) this.#askAll();
    const announcer = known ?? { number: 0n, heardMs: 0, streams: new Map<string, LiveStream>() };
    announcer.number = announcement.number;
    announcer.heardMs = this.#clock.nowMs();
    if (announcement.full) announcer.streams.clear();
    for (const name of announcement.ended) announcer.streams.delete(name);
    for (const stream of announcement.streams) announcer.streams.set(stream.stream, stream);
    this.#announcers.set(announcement.incarnation, announcer);
  }

  /** Asks every streamer to announce in full, at most once a second. */
  #askAll(): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#askedMs < ASK_INTERVAL_MS) return;
    this.#askedMs = nowMs;
    const control = create(ControlSchema, { body: { case: 'announceFull', value: {} } });
    this.#shards.publish(Channels.control, toBinary(ControlSchema, control), Number.POSITIVE_INFINITY);
  }
}
