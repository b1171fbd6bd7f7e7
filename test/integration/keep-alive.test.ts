// The keep-alives of the libraries that docs/client/ names, with a real server. Unsolicited pongs
// (.NET), pings from the client (OkHttp, URLSession) and answers to the server's pings (browsers)
// keep a connection that sends no message. Silence does not.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { ClientMessageSchema, CloseCodes, PATHS, SUBPROTOCOL } from '@hayate/protocol';
import { WebSocket } from 'ws';
import { cleanUp } from '../support/clean-up.ts';
import { poll } from '../support/poll.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

/** A viewer that sends only its first message. Resolves once that is answered. */
const watch = async (t: TestContext, server: TestServer, autoPong: boolean): Promise<WebSocket> => {
  const token = await server.token({ watch: ['hoshi'] });
  const socket = new WebSocket(`${server.url.replace(/^http/, 'ws')}${PATHS.watch}`, SUBPROTOCOL, { autoPong });
  cleanUp(t, () => socket.terminate());
  let answers = 0;
  socket.on('message', () => answers++);
  socket.on('open', () => socket.send(toBinary(ClientMessageSchema, create(ClientMessageSchema, { watch: { stream: 'hoshi', token } }))));
  await poll('Watching', () => answers > 0);
  return socket;
};

const repeat = (t: TestContext, work: () => void): void => {
  const timer = setInterval(work, 50);
  cleanUp(t, () => clearInterval(timer));
};

test('unsolicited pongs, pings and answers to pings each keep a connection open, and silence does not', async (t) => {
  const server = await startTestServer(t, ['--idle-timeout-ms', '1s']);
  const [byPong, byPing, byAnswer] = [await watch(t, server, false), await watch(t, server, false), await watch(t, server, true)];
  repeat(t, () => byPong.pong());
  repeat(t, () => byPing.ping());
  // These began later: when they are closed, the others have been without a message for longer.
  for (let round = 0; round < 2; round++) {
    const silent = await watch(t, server, false);
    const code = await new Promise<number>((resolve) => silent.once('close', resolve));
    assert.equal(code, CloseCodes.IDLE.code);
  }
  assert.deepEqual(
    [byPong, byPing, byAnswer].map(({ readyState }) => readyState),
    [WebSocket.OPEN, WebSocket.OPEN, WebSocket.OPEN],
  );
});
