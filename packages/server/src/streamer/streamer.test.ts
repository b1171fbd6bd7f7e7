// How the streamer drains, with a real connection and the real file log, whose answers the test
// delays.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { CloseCodes, SUBPROTOCOL } from '@hayate/protocol';
import { RecordSchema } from '@hayate/protocol/server';
import { WebSocketServer } from 'ws';
import { cleanUp } from '../../../../test/support/clean-up.ts';
import { tempDir } from '../../../../test/support/temp-dir.ts';
import { connectPeer, FrameSource } from '../../../../test/support/wire-peer.ts';
import { ConnectionMetrics } from '../gateway/connection-metrics.ts';
import { createContext } from '../kernel/context.ts';
import { openFileLog } from '../log/file/open.ts';
import type { Log } from '../log/log.ts';
import { openMemoryShards } from '../shard/memory/open.ts';
import { Streamer, type StreamerOptions } from './streamer.ts';
import { TicketSigner } from './ticket.ts';

const options: StreamerOptions = {
  ...{ batchMs: 60_000, batchBytesMax: 65_536, streamBytesMax: 524_288, processBytesMax: 1 << 20, retryMs: 1_000 },
  ...{ frameBytesMax: 65_536, framesPerSecondMax: 300, bitsPerSecondMax: 2_000_000, connectionsMax: 10 },
  ...{ messagesPerSecondMax: 100, unreadBytesMax: 262_144 },
  ...{ handshakeTimeoutMs: 10_000, idleTimeoutMs: 30_000, goAwayMs: 0, returnWindowMs: 15_000 },
};

/** Starts a streamer on its own port, with `log` as its log. */
async function startStreamer(t: TestContext, log: Log): Promise<{ streamer: Streamer; url: string }> {
  const context = createContext({ logLevel: 'silent' });
  const shards = openMemoryShards();
  const identity = { subject: 'ann', grants: { publish: ['*'] }, labels: {}, expiresAtMs: Date.now() + 3_600_000 };
  const streamer = await Streamer.start({
    context,
    shards,
    log,
    verifyToken: () => Promise.resolve(identity),
    tickets: new TicketSigner(new Uint8Array(32)),
    connectionMetrics: new ConnectionMetrics(context),
    options,
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
  return { streamer, url: `ws://127.0.0.1:${(sockets.address() as AddressInfo).port}` };
}

test('frames that arrive while a drain waits for the log are in the log when it has ended', async (t) => {
  const file = await openFileLog({ directory: join(tempDir(t), 'log') });
  cleanUp(t, () => file.close());
  const appended: Uint8Array[] = [];
  const answers = Promise.withResolvers<void>();
  const log: Log = {
    ...{ id: file.id, partitionCount: file.partitionCount, embedded: file.embedded },
    ...{ writable: () => file.writable(), consume: (run) => file.consume(run), close: () => file.close() },
    append: async (key, value) => {
      appended.push(value);
      const place = await file.append(key, value);
      await answers.promise;
      return place;
    },
  };
  const { streamer, url } = await startStreamer(t, log);
  const peer = await connectPeer(t, url, '/publish');
  peer.send({ publish: { stream: 'x', token: 'any' } });
  const { epoch } = await peer.until('the welcome', ({ published }) => published);
  const source = new FrameSource('x', epoch);
  /** Sends a frame and a ping; the pong shows that the frame was taken. */
  const send = async (frame: Uint8Array, id: number) => {
    peer.send({ frames: [frame], ping: { id } });
    await peer.until(`pong ${id}`, ({ pong }) => (pong?.id === id ? pong : undefined));
  };
  await send(source.header('Before'), 1);
  const drained = streamer.drain();
  await send(source.audio(), 2);
  answers.resolve();
  await drained;
  const frames = appended.flatMap((value) => {
    const { body } = fromBinary(RecordSchema, value);
    return body.case === 'batch' ? body.value.frames : [];
  });
  assert.equal(frames.length, 2);
  assert.equal((await peer.closed()).code, CloseCodes.GOING_AWAY.code);
});
