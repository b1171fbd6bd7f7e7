// In: a log. Out: a streamer on a port of its own, with memory shards, whose connections are real.
// A token is the name of its broadcaster.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { SUBPROTOCOL } from '@hayate/protocol';
import { WebSocketServer } from 'ws';
import { ConnectionMetrics } from '../../packages/server/src/gateway/connection-metrics.ts';
import { type Context, createContext } from '../../packages/server/src/kernel/context.ts';
import type { Log } from '../../packages/server/src/log/log.ts';
import { openMemoryShards } from '../../packages/server/src/shard/memory/open.ts';
import type { Shards } from '../../packages/server/src/shard/shard.ts';
import { Streamer, type StreamerOptions } from '../../packages/server/src/streamer/streamer.ts';
import { TicketSigner } from '../../packages/server/src/streamer/ticket.ts';
import { cleanUp } from './clean-up.ts';

/** A streamer, and what it works with. */
interface TestStreamer {
  readonly streamer: Streamer;
  readonly url: string;
  readonly shards: Shards;
  readonly incarnation: bigint;
  readonly registry: Context['registry'];
  readonly tickets: TicketSigner;
}

const defaults: StreamerOptions = {
  ...{ batchMs: 60_000, batchBytesMax: 65_536, streamBytesMax: 524_288, processBytesMax: 1 << 20, retryMs: 1_000 },
  ...{ frameBytesMax: 65_536, framesPerSecondMax: 300, bitsPerSecondMax: 2_000_000, connectionsMax: 10 },
  ...{ messagesPerSecondMax: 100, unreadBytesMax: 262_144 },
  ...{ handshakeTimeoutMs: 10_000, idleTimeoutMs: 30_000, goAwayMs: 0, returnWindowMs: 15_000 },
};

/** Starts a streamer, which ends with the test. */
export const startStreamer = async (t: TestContext, log: Log, options: Partial<StreamerOptions> = {}): Promise<TestStreamer> => {
  const context = createContext({ logLevel: 'silent' });
  const shards = openMemoryShards();
  const tickets = new TicketSigner(new Uint8Array(32));
  const expiresAtMs = Date.now() + 3_600_000;
  const streamer = await Streamer.start({
    context,
    shards,
    log,
    verifyToken: (token) => Promise.resolve({ subject: token, grants: { publish: ['*'] }, labels: {}, expiresAtMs }),
    tickets,
    connectionMetrics: new ConnectionMetrics(context),
    options: { ...defaults, ...options },
  });
  const sockets = new WebSocketServer({ host: '127.0.0.1', port: 0, handleProtocols: () => SUBPROTOCOL });
  sockets.on('connection', (socket) => streamer.accept(socket));
  await once(sockets, 'listening');
  cleanUp(t, async () => {
    await streamer.close();
    for (const socket of sockets.clients) socket.terminate();
    sockets.close();
    await shards.close();
  });
  const { port } = sockets.address() as AddressInfo;
  return { streamer, url: `ws://127.0.0.1:${port}`, shards, incarnation: context.incarnation, registry: context.registry, tickets };
};
