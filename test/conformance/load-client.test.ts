// The benchmarks' load client counts exactly the frames that a real server sends. Its figures
// depend on these identities.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type WebSocket, WebSocketServer } from 'ws';
import { LoadClient, type LoadReport } from '../../bench/load/load-client.ts';
import { markedPayload } from '../../bench/peer/server-child.ts';
import { voiceFrame } from '../../bench/peer/stream-envelope.ts';
import { cleanUp } from '../support/clean-up.ts';
import { poll } from '../support/poll.ts';
import { requireTool } from '../support/require-tool.ts';
import { startTestServer } from '../support/server.ts';
import { connectPeer, FrameSource } from '../support/wire-peer.ts';

/** A real server that sends the payloads of the test. */
const startServer = async (t: TestContext): Promise<{ port: number; viewers: WebSocket[] }> => {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  const viewers: WebSocket[] = [];
  server.on('connection', (socket) => viewers.push(socket));
  cleanUp(t, () => {
    for (const socket of viewers) socket.terminate();
    server.close();
  });
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, viewers };
};

const untilReport = (client: LoadClient, what: string, holds: (report: LoadReport) => boolean): Promise<LoadReport> =>
  poll(what, async () => {
    const report = await client.report();
    return holds(report) ? report : undefined;
  });

test('counts deliveries, holes, duplicates and unknown messages among known messages', async (t) => {
  if (requireTool(t, 'cc') === undefined) return;
  const { port, viewers } = await startServer(t);
  const client = await LoadClient.start(t, { dialect: 'plain', ports: [port], path: '/bench-{}', connections: 3, streams: 1 });
  await client.open();
  await client.measure();
  const payload = (sequence: number, stream = 0) => markedPayload(stream, sequence, 640);
  const cut = payload(99).subarray(0, 20);
  for (const socket of viewers) {
    socket.send(payload(5));
    // Two payloads in one message, and one that spans many reads.
    socket.send(Buffer.concat([payload(6), Buffer.from('between'), payload(7)]));
    socket.send(Buffer.concat([Buffer.alloc(300_000, 1), payload(8)]));
    socket.send('text');
    // 9 and 10 are missing, 11 arrives twice, one payload is of another stream and one is cut off.
    for (const sequence of [11, 11, 12]) socket.send(payload(sequence));
    socket.send(payload(13, 1));
    socket.send(cut);
  }
  // One viewer is one frame ahead of the others.
  viewers[0]?.send(payload(13));
  const report = await untilReport(client, 'every message', ({ messages }) => messages === 3 * 9 + 1);
  const { deliveries, lost, doubles, wrongStream, malformed, behind, silent, least, most, overlap } = report;
  assert.deepEqual(
    { deliveries, lost, doubles, wrongStream, malformed, behind, silent, least, most, overlap },
    { deliveries: 19, lost: 6, doubles: 3, wrongStream: 3, malformed: 3, behind: 2, silent: 0, least: 6, most: 7, overlap: 0 },
  );
  assert.equal(
    report.latency.buckets.reduce((sum, [, count]) => sum + count, 0),
    19,
  );
  assert.equal(report.bytes, 3 * (640 * 6 + 640 + 647 + 300_640 + 4 + 20) + 640 - 3 * 640);
});

test('answers pings, counts closes and comes back to the next server', async (t) => {
  if (requireTool(t, 'cc') === undefined) return;
  const [first, second] = [await startServer(t), await startServer(t)];
  const ports = [first.port, second.port];
  const client = await LoadClient.start(t, { dialect: 'plain', ports, path: '/', connections: 4, streams: 1, reconnect: true });
  await client.open();
  await client.measure();
  assert.deepEqual([first.viewers.length, second.viewers.length], [2, 2]);
  let pongs = 0;
  for (const socket of second.viewers) {
    socket.on('pong', (data) => {
      if (data.toString() === 'still there?') pongs++;
    });
    socket.ping('still there?');
  }
  await poll('the pongs', () => pongs === 2);
  for (const socket of first.viewers) socket.close(4503);
  await poll('the viewers at the other server', () => second.viewers.length === 4);
  const report = await untilReport(client, 'everybody to be connected', ({ ready }) => ready === 4);
  assert.equal(report.reconnects, 2);
  assert.deepEqual(report.closes, { 4503: 2 });
});

test('watches a real broadcast and counts every frame', async (t) => {
  if (requireTool(t, 'cc') === undefined) return;
  const server = await startTestServer(t);
  const broadcaster = await connectPeer(t, server.url, '/publish');
  broadcaster.send({ publish: { stream: 'bench-0', token: await server.token({ publish: ['bench-0'] }) } });
  const { epoch } = await broadcaster.until('the epoch', ({ published }) => published);
  const port = Number(new URL(server.url).port);
  const token = await server.token({ watch: ['bench-*'] });
  const client = await LoadClient.start(t, { dialect: 'hayate', ports: [port], path: '/watch', connections: 20, streams: 1, token });
  await client.open();
  broadcaster.send({ frames: [new FrameSource('bench-0', epoch).header('Load')] });
  await client.measure();
  const identity = { stream: 'bench-0', index: 0, epoch };
  for (let sequence = 0; sequence < 50; sequence++) broadcaster.send({ frames: [voiceFrame(identity, sequence, 640, 1)] });
  const report = await untilReport(client, 'every frame', ({ deliveries }) => deliveries >= 20 * 50);
  const { deliveries, lost, doubles, silent, behind, gapsSlow, malformed, closes } = report;
  assert.deepEqual(
    { deliveries, lost, doubles, silent, behind, gapsSlow, malformed, closes },
    { deliveries: 1_000, lost: 0, doubles: 0, silent: 0, behind: 0, gapsSlow: 0, malformed: 0, closes: {} },
  );
});
