// A connection whose peer is a real WebSocket, on a clock that the test advances.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { CloseCodes } from '@hayate/protocol';
import { WebSocket, WebSocketServer } from 'ws';
import { cleanUp } from '../../../../test/support/clean-up.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { poll } from '../../../../test/support/poll.ts';
import { createContext } from '../kernel/context.ts';
import { Connection } from './connection.ts';
import { ConnectionMetrics } from './connection-metrics.ts';

test('a peer that does not answer a close within 2 s is cut off, and its socket is free', async (t) => {
  const clock = new ManualClock();
  const metrics = new ConnectionMetrics(createContext({ logLevel: 'silent', clock }));
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  cleanUp(t, async () => {
    for (const socket of server.clients) socket.terminate();
    server.close();
    await once(server, 'close');
  });
  const opened = once(server, 'connection');
  const peer = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const closedWith = once(peer, 'close').then(([code]) => code as number);
  const [socket] = (await opened) as [WebSocket];
  const connection = new Connection(socket, () => {}, {
    ...{ endpoint: 'publish' as const, metrics, clock, handshakeTimeoutMs: 10_000, idleTimeoutMs: 30_000 },
    limits: { messagesPerSecondMax: 100, bitsPerSecondMax: 2_000_000, unreadBytesMax: 262_144 },
  });
  if (peer.readyState !== WebSocket.OPEN) await once(peer, 'open');
  // A peer that reads nothing does not see the close.
  peer.pause();
  connection.close('SUPERSEDED');
  clock.advance(1_999);
  assert.equal(socket.readyState, WebSocket.CLOSING);
  clock.advance(1);
  await poll('the socket to be free', () => socket.readyState === WebSocket.CLOSED);
  peer.resume();
  assert.equal(await closedWith, CloseCodes.SUPERSEDED.code, 'the peer finds the reason once it reads');
});
