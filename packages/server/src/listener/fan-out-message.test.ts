// The messages are read by the `ws` library over a real socket.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Limits } from '@hayate/protocol';
import { WebSocket, WebSocketServer } from 'ws';
import { cleanUp } from '../../../../test/support/clean-up.ts';
import { poll } from '../../../../test/support/poll.ts';
import { webSocketMessages } from './fan-out-message.ts';

/** Resolves to the payloads that a WebSocket reads from `bytes`, once there are `count`. */
async function read(t: TestContext, bytes: Uint8Array, count: number): Promise<Buffer[]> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  cleanUp(t, () => server.close());
  await once(server, 'listening');
  server.on('connection', (_, { socket }) => socket.write(bytes));
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  cleanUp(t, () => client.terminate());
  const payloads: Buffer[] = [];
  client.on('message', (data: Buffer) => payloads.push(data));
  await poll('the messages', () => payloads.length >= count);
  return payloads;
}

const partsOf = (sizes: readonly number[]) => sizes.map((size, index) => ({ message: Buffer.alloc(size, index + 1) }));
const sum = (sizes: readonly number[]) => sizes.reduce((total, size) => total + size, 0);

for (const sizes of [[0], [125], [126], [100, 65_435], [65_535, 1], Array.from({ length: 16 }, () => 65_536)])
  test(`${sizes.length} frames of ${sum(sizes)} bytes are sent as one message`, async (t) => {
    const parts = partsOf(sizes);
    const [payload] = await read(t, webSocketMessages(parts, sum(sizes)), 1);
    assert.ok(payload?.equals(Buffer.concat(parts.map(({ message }) => message))));
  });

test('frames beyond the size limit of a message are sent as several, each within the limit and cut between frames', async (t) => {
  const sizes = [...Array.from({ length: 40 }, () => 65_541), 10, 1_000];
  const parts = partsOf(sizes);
  const payloads = await read(t, webSocketMessages(parts, sum(sizes)), 3);
  assert.deepEqual(
    payloads.map(({ length }) => length),
    [15 * 65_541, 15 * 65_541, 10 * 65_541 + 1_010],
  );
  for (const { length } of payloads) assert.ok(length <= Limits.serverMessageBytesMax);
  assert.ok(Buffer.concat(payloads).equals(Buffer.concat(parts.map(({ message }) => message))));
});
