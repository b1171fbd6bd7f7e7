// Clients that send nothing by themselves, like pages in the background: they are kept while they
// answer pings, and closed when they do not.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ClientMessageSchema, CloseCodes, PATHS, ServerMessageSchema, SUBPROTOCOL } from '@hayate/protocol';
import { WebSocket } from 'ws';
import { cleanUp } from '../support/clean-up.ts';
import { poll } from '../support/poll.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { connectPeer, FrameSource } from '../support/wire-peer.ts';

const ROLES = ['--roles', 'streamer,listener,api'];

/** Opens a connection that sends its first message and then nothing. */
async function openSilent(t: TestContext, server: TestServer, path: string, options: { autoPong: boolean }) {
  const socket = new WebSocket(`${server.url.replace(/^http/, 'ws')}${path}`, SUBPROTOCOL, options);
  let code: number | undefined;
  let messages = 0;
  socket
    .on('error', () => undefined)
    .on('close', (closedWith) => {
      code = closedWith;
    });
  cleanUp(t, () => socket.terminate());
  socket.on('message', () => messages++);
  await poll('the connection to open', () => socket.readyState === WebSocket.OPEN);
  const stream = path === PATHS.publish ? 'mine' : 'quiet';
  const token = await server.token({ publish: ['*'], watch: ['*'] });
  const hello = path === PATHS.publish ? { publish: { stream, token } } : { watch: { stream, token } };
  socket.send(toBinary(ClientMessageSchema, create(ClientMessageSchema, hello)));
  await poll('a welcome', () => messages > 0);
  return { socket, code: () => code };
}

test('a silent client that answers pings stays connected, one that does not is closed with IDLE', async (t) => {
  for (const [path, endpoint] of [
    [PATHS.watch, 'watch'],
    [PATHS.publish, 'publish'],
  ] as const) {
    const server = await startTestServer(t, [...ROLES, '--idle-timeout-ms', '1s']);
    const pings = () => server.metric('hayate_connection_pings_total', { endpoint });
    const answering = await openSilent(t, server, path, { autoPong: true });
    // Without an answer the third ping is the last.
    await poll('more pings than fit into two idle timeouts', async () => (await pings()) >= 9);
    assert.equal(answering.code(), undefined);
    answering.socket.terminate();
    await poll('the connection to close', async () => (await server.metric('hayate_connections', { endpoint })) === 0);
    const before = await pings();
    const mute = await openSilent(t, server, path, { autoPong: false });
    assert.equal(await poll('the close of the silent client', () => mute.code()), CloseCodes.IDLE.code);
    assert.equal((await pings()) - before, 3);
    assert.equal(await server.metric('hayate_connection_closes_total', { endpoint, code: 'IDLE' }), 1);
  }
});

test("a client's own WebSocket pings, too, keep it connected", async (t) => {
  const server = await startTestServer(t, [...ROLES, '--idle-timeout-ms', '1s']);
  const client = await openSilent(t, server, PATHS.watch, { autoPong: false });
  let asked = 0;
  client.socket.on('ping', () => {
    asked++;
    client.socket.ping();
  });
  await poll('more pings than an idle timeout has', () => asked >= 9);
  assert.equal(client.code(), undefined);
});

test('a client that sends messages is never pinged', async (t) => {
  const server = await startTestServer(t, [...ROLES, '--idle-timeout-ms', '2s']);
  const talking = await openSilent(t, server, PATHS.watch, { autoPong: true });
  const silent = await openSilent(t, server, PATHS.publish, { autoPong: true });
  let pinged = 0;
  talking.socket.on('ping', () => pinged++);
  let heard = 0;
  silent.socket.on('ping', () => heard++);
  // Sends in every turn of the loop until the other one has been pinged often.
  await poll('pings to the silent one', () => {
    talking.socket.send(toBinary(ClientMessageSchema, create(ClientMessageSchema, { ping: { id: 1 } })));
    return heard >= 4;
  });
  assert.equal(pinged, 0);
});

test('a viewer that runs no timers is asked for its receipt, and stays while it answers; one that does not is closed', async (t) => {
  const server = await startTestServer(t, [...ROLES, '--receipt-timeout-ms', '1s']);
  const broadcaster = await connectPeer(t, server.url, PATHS.publish);
  broadcaster.send({ publish: { stream: 'quiet', token: await server.token({ publish: ['*'] }) } });
  const { epoch } = await broadcaster.until('Published', ({ published }) => published);
  const source = new FrameSource('quiet', epoch);

  const answering = await openSilent(t, server, PATHS.watch, { autoPong: true });
  const mute = await openSilent(t, server, PATHS.watch, { autoPong: true });
  let questions = 0;
  let late = -1;
  const frames: Uint8Array[] = [];
  answering.socket.on('message', (data: Buffer) => {
    if (data.length > 0) {
      frames.push(...fromBinary(ServerMessageSchema, data).frames);
      return;
    }
    questions++;
    // It reports one frame less than it has, so that it owes a receipt again at once.
    late = Math.max(late, frames.length - 2);
    answering.socket.send(toBinary(ClientMessageSchema, create(ClientMessageSchema, { receipt: { epoch, sequence: BigInt(late) } })));
  });
  broadcaster.send({ frames: [source.header('Quiet'), source.key(), source.audio(), source.audio()] });
  assert.equal(await poll('the close of the mute one', () => mute.code()), CloseCodes.RECEIPT_TIMEOUT.code);
  await poll('more questions than fit into two receipt timeouts', () => questions >= 8);
  assert.equal(answering.code(), undefined);
  assert.ok((await server.metric('hayate_receipts_asked_for_total')) >= 8);
});
