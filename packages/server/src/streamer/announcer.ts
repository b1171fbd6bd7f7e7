// Tells the directory what this process broadcasts: one message a second, of what has changed; everything every 10 s and
// when a new process asks. An empty announcement says that the process lives.
import { create, equals, toBinary } from '@bufbuild/protobuf';
import { AnnouncementSchema, type LiveStream, LiveStreamSchema } from '@hayate/protocol/server';
import { type CancelTimer, type Clock, every } from '../kernel/clock.ts';
import { decoding } from '../live/channel-message.ts';
import { Channels, type Shards, type Unsubscribe } from '../shard/shard.ts';

const INTERVAL_MS = 1_000;
const FULL_EVERY = 10;

/** Announces until closed. */
export class Announcer {
  readonly #shards: Shards;
  readonly #incarnation: bigint;
  readonly #streams: () => LiveStream[];
  #announced = new Map<string, LiveStream>();
  #number = 0n;
  #fullDue = true;
  #cancelTimer: CancelTimer | undefined;
  #unsubscribe: Unsubscribe | undefined;

  private constructor(shards: Shards, incarnation: bigint, streams: () => LiveStream[]) {
    this.#shards = shards;
    this.#incarnation = incarnation;
    this.#streams = streams;
  }

  /** `streams` gives the process's broadcasts as they are now; `malformed` counts messages that cannot be read. */
  static async open(options: {
    clock: Clock;
    shards: Shards;
    incarnation: bigint;
    streams: () => LiveStream[];
    malformed: () => void;
  }): Promise<Announcer> {
    const announcer = new Announcer(options.shards, options.incarnation, options.streams);
    announcer.#unsubscribe = await options.shards.subscribe(
      Channels.directory,
      decoding(
        AnnouncementSchema,
        (announcement) => {
          if (announcement.requestFull) announcer.announce(true);
        },
        options.malformed,
      ),
    );
    announcer.#cancelTimer = every(options.clock, INTERVAL_MS, () => announcer.announce());
    return announcer;
  }

  /** Announces now: changes, or everything. */
  announce(everything = this.#fullDue || this.#number % BigInt(FULL_EVERY) === 0n): void {
    const current = new Map(this.#streams().map((stream) => [stream.stream, stream]));
    const changed = [...current.values()].filter((stream) => {
      const before = this.#announced.get(stream.stream);
      return everything || before === undefined || !equals(LiveStreamSchema, before, stream);
    });
    const ended = [...this.#announced.keys()].filter((name) => !current.has(name));
    this.#announced = current;
    this.#fullDue = false;
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
    this.#cancelTimer?.();
    this.#unsubscribe?.();
  }
}
