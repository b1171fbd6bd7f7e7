// Server processes of a simulated world: the real roles over the real Redis adapter, on a simulated
// clock, network, disk and sockets. Only the layer below is replaced: dial, DNS, log, WebSocket.
import { fromBinary } from '@bufbuild/protobuf';
import { peekFrame } from '@hayate/protocol';
import { EnvelopeSchema } from '@hayate/protocol/server';
import type { WebSocket } from 'ws';
import { ConnectionMetrics } from '../../packages/server/src/gateway/connection-metrics.ts';
import { parseFlags } from '../../packages/server/src/kernel/flag.ts';
import { Listener } from '../../packages/server/src/listener/listener.ts';
import { Directory } from '../../packages/server/src/live/directory.ts';
import { serveFlags } from '../../packages/server/src/serve-flags.ts';
import { parsePlacement } from '../../packages/server/src/shard/redis/placement.ts';
import { parseShardSources } from '../../packages/server/src/shard/redis/server-address.ts';
import { openRedisServers } from '../../packages/server/src/shard/redis/servers.ts';
import type { Shards } from '../../packages/server/src/shard/shard.ts';
import { Streamer } from '../../packages/server/src/streamer/streamer.ts';
import { TicketSigner } from '../../packages/server/src/streamer/ticket.ts';
import { SimulatedLog } from './simulated-log.ts';
import { SimulatedProcess } from './simulated-process.ts';
import { type ClientEnd, type Line, SimulatedSocket } from './simulated-socket.ts';
import { verifySimulatedToken } from './simulated-token.ts';
import type { World } from './world.ts';

const tickets = new TicketSigner(Buffer.alloc(32, 7));

/** The common part of all nodes: a process with an open adapter. */
abstract class Node {
  readonly process: SimulatedProcess;
  /** No new client is sent here. */
  leaving = false;
  protected readonly world: World;
  protected shards: Shards | undefined;

  constructor(world: World, name: string) {
    this.world = world;
    this.process = new SimulatedProcess(name, world.time, world.random, (line) => world.breach(`${name}: ${line}`));
  }

  get name(): string {
    return this.process.name;
  }

  get usable(): boolean {
    return this.process.alive && !this.leaving;
  }

  /** The value of a metric, summed over the series that have `label`. */
  async metric(name: string, label = ''): Promise<number> {
    const lines = (await this.process.context.registry.metrics()).split('\n');
    return lines
      .filter((line) => (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && line.includes(label))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  protected async openShards(): Promise<Shards> {
    const { world, process } = this;
    const { shardSuspectMs, shardCloseMs, shardReturnMs, shardResolveMs, shardQueueBytesMax, slotMs } = world.settings;
    this.shards = await openRedisServers({
      sources: parseShardSources('dns+redis://shards:6379'),
      placement: parsePlacement(world.settings.placement),
      slotMs,
      queueBytesMax: shardQueueBytesMax,
      suspectMs: shardSuspectMs,
      closeMs: shardCloseMs,
      returnMs: shardReturnMs,
      resolveMs: shardResolveMs,
      dial: world.dialFor(process),
      lookUp: () => Promise.resolve(world.serversFor(process.name)),
      clock: process.context.clock,
      random: world.random.unit,
      registry: process.context.registry,
      logger: process.context.logger,
    });
    return this.shards;
  }

  protected accept(line: Line, client: ClientEnd): SimulatedSocket {
    const { time, random } = this.world;
    return new SimulatedSocket({ time, process: this.process, line, client, random });
  }
}

/** A streamer process. */
export class StreamerNode extends Node {
  readonly log: SimulatedLog;
  #streamer: Streamer | undefined;

  constructor(world: World, name: string) {
    super(world, name);
    this.log = new SimulatedLog({ time: world.time, random: world.random, process: this.process, durable: world.durable });
  }

  async start(): Promise<void> {
    const { settings } = this.world;
    this.#streamer = await Streamer.start({
      context: this.process.context,
      shards: await this.openShards(),
      log: this.log,
      verifyToken: verifySimulatedToken,
      tickets,
      connectionMetrics: new ConnectionMetrics(this.process.context),
      options: {
        ...settings,
        connectionsMax: 100,
        streamBytesMax: settings.unsettledStreamBytesMax,
        processBytesMax: settings.unsettledBytesMax,
        retryMs: settings.appendRetryMs,
      },
    });
  }

  acceptBroadcaster(line: Line, client: ClientEnd): SimulatedSocket {
    const socket = this.accept(line, client);
    this.#streamer?.accept(socket.webSocket as unknown as WebSocket);
    return socket;
  }

  /** Stops it as SIGTERM does. */
  async stop(): Promise<void> {
    this.leaving = true;
    await this.#streamer?.drain();
    await this.#streamer?.close();
    await this.shards?.close();
  }
}

/** A listener process. */
export class ListenerNode extends Node {
  #listener: Listener | undefined;
  /**
   * The time at which each frame first arrived from a shard, by epoch and sequence, and the total
   * of the process's pauses by then.
   */
  readonly #arrivals = new Map<string, { atMs: number; pausedMs: number }>();

  /**
   * How long the listener has held a frame, without its own pauses; undefined if no shard delivered
   * it.
   */
  heldMs(epoch: bigint, sequence: number): number | undefined {
    const arrival = this.#arrivals.get(`${epoch}/${sequence}`);
    return arrival && this.world.nowMs - arrival.atMs - (this.process.pausedMs - arrival.pausedMs);
  }

  /** Wraps the shards to see their messages as they reach the listener. */
  #watched(shards: Shards): Shards {
    return {
      embedded: shards.embedded,
      publish: (channel, message, copies) => shards.publish(channel, message, copies),
      unready: () => shards.unready(),
      close: () => shards.close(),
      subscribe: (channel, receive) =>
        shards.subscribe(channel, (message) => {
          const { frames } = fromBinary(EnvelopeSchema, message);
          for (const { frame } of frames) {
            const { epoch, sequence } = peekFrame(frame);
            const key = `${epoch}/${sequence}`;
            if (!this.#arrivals.has(key)) this.#arrivals.set(key, { atMs: this.world.nowMs, pausedMs: this.process.pausedMs });
          }
          receive(message);
        }),
    };
  }

  async start(): Promise<void> {
    const { settings } = this.world;
    this.#listener = await Listener.start({
      context: this.process.context,
      shards: this.#watched(await this.openShards()),
      verifyToken: verifySimulatedToken,
      connectionMetrics: new ConnectionMetrics(this.process.context),
      options: { ...settings, connectionsMax: 1_000, silenceMs: settings.returnWindowMs + 5_000 },
    });
  }

  acceptViewer(line: Line, client: ClientEnd): SimulatedSocket {
    const socket = this.accept(line, client);
    this.#listener?.accept(socket.webSocket as unknown as WebSocket, socket.viewerSocket);
    return socket;
  }

  /** Stops it as SIGTERM does. */
  async stop(): Promise<void> {
    this.leaving = true;
    await this.#listener?.drain();
    await this.#listener?.close();
    await this.shards?.close();
  }
}

/** A process that serves listings. */
export class DirectoryNode extends Node {
  #directory: Directory | undefined;
  malformed = 0;

  async start(): Promise<void> {
    this.#directory = await Directory.open(this.process.context.clock, await this.openShards(), () => this.malformed++);
  }

  get directory(): Directory | undefined {
    return this.#directory;
  }

  async stop(): Promise<void> {
    this.#directory?.close();
    await this.shards?.close();
  }
}

/** The settings of all processes: the defaults of `hayate serve`, with `flags` added. */
export function nodeSettings(flags: readonly string[]): World['settings'] {
  return parseFlags(serveFlags, ['--fan-out', 'typescript', ...flags], {});
}
