// Tells the directory which broadcasts this process has. It sends one message a second with the
// changes, and a full list every 10 s and when a new process asks. An empty announcement says that
// the process is alive.
import { create, equals, toBinary } from '@bufbuild/protobuf';
import { AnnouncementSchema, type LiveStream, LiveStreamSchema } from '@hayate/protocol/server';
import { type CancelTimer, type Clock, every } from '../kernel/clock.ts';
import { Channels, type Shards } from '../shard/shard.ts';

const INTERVAL_MS = 1_000;
const FULL_EVERY = 10;

/** Announces until closed. */
export class Announcer {
  readonly #shards: Shards;
  readonly #incarnation: bigint;
  readonly #streams: () => LiveStream[];
  #announced = new Map<string, LiveStream>();
  #number = 0n;
  readonly #cancelTimer: CancelTimer;

  /** `streams` returns the current broadcasts of the process. */
  constructor(options: { clock: Clock; shards: Shards; incarnation: bigint; streams: () => LiveStream[] }) {
    this.#shards = options.shards;
    this.#incarnation = options.incarnation;
    this.#streams = options.streams;
    this.#cancelTimer = every(options.clock, INTERVAL_MS, () => this.announce());
  }

  /** Announces now: the changes, or everything. */
  announce(everything = this.#number % BigInt(FULL_EVERY) === 0n): void {
    const current = new Map(this.#streams().map((stream) => [stream.stream, stream]));
    const changed = [...current.values()].filter((stream) => {
      const before = this.#announced.get(stream.stream);
      return everything || before === undefined || !equals(LiveStreamSchema, before, stream);
    });
    const ended = [...this.#announced.keys()].filter((name) => !current.has(name));
    this.#announced = current;
    this.#number++;
    const announcement = create(AnnouncementSchema, {
      incarnation: this.#incarnation,
      number: this.#number,
      full: everything,
      streams: changed,
      ended,
    });
    this.#shards.publish(Channels.directory, toBinary(AnnouncementSchema, announcement));
  }

  close(): void {
    this.#cancelTimer();
  }
}
