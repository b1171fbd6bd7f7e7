// A simulated world: time, chance, Redis servers, the paths to them, server processes, broadcasters
// and viewers, and continuous checks. A breach of a promise is recorded with its time; the run
// fails on the first breach.

import { peekFrame } from '@hayate/protocol';
import type { CancelTimer } from '../../packages/server/src/kernel/clock.ts';
import type { FlagValues } from '../../packages/server/src/kernel/flag-table.ts';
import { GIVE_UP_MS } from '../../packages/server/src/listener/frame-order.ts';
import type { serveFlags } from '../../packages/server/src/serve-flags.ts';
import type { Dial } from '../../packages/server/src/shard/redis/dial.ts';
import type { Endpoint } from '../../packages/server/src/shard/redis/server-address.ts';
import type { Conduct } from './conduct.ts';
import { MisbehavingClient } from './misbehaving-client.ts';
import { SeededRandom } from './seeded-random.ts';
import { DirectoryNode, ListenerNode, nodeSettings, StreamerNode } from './server-node.ts';
import { SimulatedBroadcaster } from './simulated-broadcaster.ts';
import type { DurableFrames } from './simulated-log.ts';
import { Path, SimulatedConnection } from './simulated-network.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import { SimulatedRedis } from './simulated-redis.ts';
import { SimulatedViewer, type ViewerNature } from './simulated-viewer.ts';
import { Phase, VirtualTime } from './virtual-time.ts';

/** Options of a world. */
export interface WorldOptions {
  readonly seed: number;
  readonly shards?: number;
  readonly streamers?: number;
  readonly listeners?: number;
  /** Added to the command line of every process. */
  readonly flags?: readonly string[];
}

const TRACE_LINES = 400;
/** Longer than the wait for a gap, by the time that timers and a good line take. */
const HELD_MS_MAX = GIVE_UP_MS + 50;
/** A good line. */
export const GOOD_LINE = { delayMs: 15, bytesPerMs: 20_000, kernelBytes: 2 ** 20 };
const GOOD_VIEWER: ViewerNature = { line: GOOD_LINE, receiptDelayMs: 0, isSlow: false };

/** A world and its contents. */
export class World {
  readonly seed: number;
  readonly time = new VirtualTime();
  readonly random: SeededRandom;
  readonly settings: FlagValues<typeof serveFlags>;
  readonly durable: DurableFrames = new Map();
  readonly redis: SimulatedRedis[] = [];
  readonly streamers: StreamerNode[] = [];
  readonly listeners: ListenerNode[] = [];
  readonly directory: DirectoryNode;
  readonly broadcasters: SimulatedBroadcaster[] = [];
  readonly viewers: SimulatedViewer[] = [];
  readonly misbehaving: MisbehavingClient[] = [];
  readonly breaches: string[] = [];
  /**
   * The longest time from a broadcaster to a viewer on a good line, of frames that were sent live,
   * milliseconds.
   */
  slowestMs = 0;
  readonly #paths = new Map<string, Path>();
  /** Servers that a process does not know, by process. */
  readonly #unknown = new Map<string, Set<string>>();
  readonly #broadcasts = new Map<string, SimulatedBroadcaster>();
  readonly #trace: string[] = [];

  constructor({ seed, shards = 3, streamers = 1, listeners = 2, flags = [] }: WorldOptions) {
    this.seed = seed;
    this.random = new SeededRandom(seed);
    this.settings = nodeSettings(flags);
    for (let i = 0; i < shards; i++) this.addRedis();
    for (let i = 0; i < streamers; i++) this.streamers.push(new StreamerNode(this, `S${i}`));
    for (let i = 0; i < listeners; i++) this.listeners.push(new ListenerNode(this, `L${i}`));
    this.directory = new DirectoryNode(this, 'D0');
  }

  get nowMs(): number {
    return this.time.nowMs;
  }

  get nodes(): (StreamerNode | ListenerNode | DirectoryNode)[] {
    return [...this.streamers, ...this.listeners, this.directory];
  }

  /** Starts all processes. */
  async start(): Promise<void> {
    await this.settle(Promise.all(this.nodes.map((node) => node.start())));
  }

  /** Advances time until `work` is done. */
  async settle(work: Promise<unknown>): Promise<void> {
    let isDone = false;
    const done = work.finally(() => {
      isDone = true;
    });
    await this.time.advance(this.nowMs + 60_000, () => isDone);
    if (!isDone) throw new Error('the simulation has not ended after a minute');
    await done;
  }

  /** Advances time. Throws the first breach. */
  async run(durationMs: number): Promise<void> {
    await this.time.advance(this.nowMs + durationMs, () => this.breaches.length > 0);
    this.assertUnbroken();
  }

  /** Advances time until `condition` holds; throws if it does not within `limitMs`. */
  async until(what: string, condition: () => boolean, limitMs: number): Promise<void> {
    await this.time.advance(this.nowMs + limitMs, () => this.breaches.length > 0 || condition());
    if (!condition()) this.breach(`gave up after ${limitMs} ms waiting for ${what}`);
    this.assertUnbroken();
  }

  /** Calls `run` after `delayMs`. */
  in(delayMs: number, run: () => void): CancelTimer {
    return this.time.at(this.nowMs + delayMs, Phase.timer, run);
  }

  addRedis(): SimulatedRedis {
    const redis = new SimulatedRedis(`10.0.0.${this.redis.length + 1}`, 6_379);
    this.redis.push(redis);
    return redis;
  }

  /** The path between a process and a server. */
  path(processName: string, redis: SimulatedRedis): Path {
    const key = `${processName} ${redis.name}`;
    const known = this.#paths.get(key);
    if (known !== undefined) return known;
    const path = new Path(this.time, this.random, { delayMs: this.random.between(0.1, 2), jitterMs: this.random.between(0, 2) });
    this.#paths.set(key, path);
    return path;
  }

  /** Sets whether DNS names a server to a process. */
  tell(processName: string, redis: SimulatedRedis, isKnown: boolean): void {
    const unknown = this.#unknown.get(processName) ?? new Set();
    this.#unknown.set(processName, unknown);
    if (isKnown) unknown.delete(redis.name);
    else unknown.add(redis.name);
  }

  serversFor(processName: string): Endpoint[] {
    const unknown = this.#unknown.get(processName);
    return this.redis.filter(({ name }) => unknown?.has(name) !== true).map(({ host, port }) => ({ host, port }));
  }

  dialFor(process: SimulatedProcess): Dial {
    return ({ host, port }, events) => {
      const redis = this.redis.find((one) => one.host === host && one.port === port);
      if (redis === undefined) throw new Error(`no server at ${host}:${port}`);
      const path = this.path(process.name, redis);
      const connection = new SimulatedConnection(process, path, events);
      path.at(path.drawDelayMs(), () => {
        if (path.blocked.toServer || redis.state === 'silent' || !process.alive) return;
        if (redis.state === 'dead') connection.end('ECONNREFUSED', 'lost');
        else redis.accept(connection);
      });
      return connection;
    };
  }

  broadcast(stream: string): SimulatedBroadcaster {
    const broadcaster = new SimulatedBroadcaster(this, stream);
    this.broadcasters.push(broadcaster);
    broadcaster.begin();
    return broadcaster;
  }

  watch(stream: string, nature: Partial<ViewerNature> = {}): SimulatedViewer {
    const viewer = new SimulatedViewer(this, `V${this.viewers.length}`, stream, { ...GOOD_VIEWER, ...nature });
    this.viewers.push(viewer);
    viewer.join();
    return viewer;
  }

  misbehave(conduct: Conduct): MisbehavingClient {
    const client = new MisbehavingClient(this, `M${this.misbehaving.length}`, conduct);
    this.misbehaving.push(client);
    client.connect();
    return client;
  }

  pickStreamer(): StreamerNode | undefined {
    const usable = this.streamers.filter((node) => node.usable);
    return usable.length === 0 ? undefined : this.random.pick(usable);
  }

  pickListener(wanted?: number): ListenerNode | undefined {
    const usable = this.listeners.filter((node, index) => node.usable && (wanted === undefined || index === wanted));
    return usable.length === 0 ? undefined : this.random.pick(usable);
  }

  registerBroadcast(broadcaster: SimulatedBroadcaster): void {
    this.#broadcasts.set(`${broadcaster.stream}/${broadcaster.epoch}`, broadcaster);
  }

  broadcastOf(stream: string, epoch: bigint): SimulatedBroadcaster | undefined {
    return this.#broadcasts.get(`${stream}/${epoch}`);
  }

  isDurable(stream: string, epoch: bigint, sequence: number): boolean {
    return this.durable.get(`${stream}/${epoch}`)?.has(sequence) === true;
  }

  /**
   * Called when a viewer gets a frame: it must be the frame that was made, and must not have been
   * held for too long.
   */
  viewerGot(viewer: SimulatedViewer, node: ListenerNode, frame: Uint8Array, isLive: boolean): void {
    const { stream, epoch, sequence } = peekFrame(frame);
    const made = this.broadcastOf(stream, epoch)?.made[sequence];
    if (made === undefined || Buffer.compare(made.bytes, frame) !== 0)
      this.breach(`${viewer.name}: frame ${sequence} differs from the sent frame`);
    const ageMs = isLive && made?.sentMs !== undefined ? this.nowMs - made.sentMs : 0;
    viewer.oldestMs = Math.max(viewer.oldestMs, ageMs);
    if (isLive && viewer.isPrompt) {
      this.slowestMs = Math.max(this.slowestMs, ageMs);
      const heldMs = node.heldMs(epoch, sequence) ?? 0;
      if (heldMs > HELD_MS_MAX) this.breach(`${viewer.name}: frame ${sequence} was held back for ${heldMs.toFixed(1)} ms`);
    }
  }

  /** Records a broken promise. */
  breach(what: string): void {
    this.trace(`BREACH ${what}`);
    this.breaches.push(what);
  }

  trace(what: string): void {
    this.#trace.push(`${this.nowMs.toFixed(1)} ${what}`);
    if (this.#trace.length > TRACE_LINES) this.#trace.shift();
  }

  /** The last lines of the trace. */
  get story(): string {
    return this.#trace.join('\n');
  }

  /** Throws the first breach, with the seed and the story. */
  assertUnbroken(): void {
    const [breach] = this.breaches;
    if (breach !== undefined) throw new Error(`${breach}\nseed ${this.seed}, at ${this.nowMs.toFixed(1)} ms:\n${this.story}`);
  }
}
