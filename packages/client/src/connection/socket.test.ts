// One connection to a real WebSocket server, on a clock that the tests advance.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { poll } from '../../../../test/support/poll.ts';
import { startScriptedServer } from '../../../../test/support/scripted-server.ts';
import type { RoundTrip } from './clock-estimate.ts';
import type { CloseReason } from './close-reason.ts';
import { Socket } from './socket.ts';

/** A connection that has sent its first message. `heldMs` holds its timers back. */
async function setUp(t: TestContext, answersPings: boolean) {
  const server = await startScriptedServer(t, () => {});
  server.answersPings = answersPings;
  const timers = new ManualClock();
  const state = { heldMs: 0, messages: 0, trips: [] as RoundTrip[], closed: undefined as CloseReason | undefined };
  const socket = new Socket({
    url: server.url.replace('http', 'ws'),
    WebSocket,
    clock: { nowMs: () => timers.nowMs() + state.heldMs },
    timers,
    hello: { publish: { stream: 'x' } },
    onMessage: () => {
      state.messages += 1;
    },
    onRoundTrip: (trip) => state.trips.push(trip),
    onClose: (reason) => {
      state.closed = reason;
    },
  });
  t.after(() => socket.close());
  await poll('the first message', () => server.connections[0]?.messages.length === 1);
  const [connection] = server.connections;
  assert.ok(connection !== undefined);
  return { socket, timers, connection, state, closed: () => state.closed };
}

test('a server that leaves pings unanswered for 8 s is given up, and not before', async (t) => {
  const { socket, timers, closed } = await setUp(t, false);
  socket.startPings();
  timers.advance(8_000);
  assert.equal(closed(), undefined);
  timers.advance(1_000);
  assert.deepEqual([closed()?.sentence, closed()?.outcome], ['The server sent nothing for too long.', 'retry']);
});

test('a server that sends anything is not silent, although it leaves pings unanswered', async (t) => {
  const { socket, timers, connection, state, closed } = await setUp(t, false);
  socket.startPings();
  for (let messages = 1; messages <= 3; messages++) {
    timers.advance(7_000);
    connection.send({ audience: { viewers: messages } });
    await poll('the message', () => state.messages === messages);
  }
  assert.equal(closed(), undefined);
  timers.advance(9_500);
  assert.notEqual(closed(), undefined);
});

test('a timer that was held back proves no silence; the next one that finds nothing does', async (t) => {
  const { socket, timers, state, closed } = await setUp(t, false);
  socket.startPings();
  state.heldMs = 20_000;
  timers.next();
  assert.equal(closed(), undefined);
  timers.next();
  assert.equal(closed()?.outcome, 'retry');
});

test('a server that does not answer the first message within 10 s is given up', async (t) => {
  const { timers, closed } = await setUp(t, true);
  timers.advance(9_999);
  assert.equal(closed(), undefined);
  timers.advance(1);
  assert.equal(closed()?.sentence, 'The server did not answer in time.');
});

test('the first five pings follow one another in 100 ms, later ones in 1 s, and each answer is a round trip', async (t) => {
  const { socket, timers, connection, state } = await setUp(t, true);
  socket.startPings();
  timers.advance(400);
  timers.advance(999);
  await poll('five round trips', () => state.trips.length === 5);
  assert.deepEqual(connection.pings, [1, 2, 3, 4, 5]);
  timers.advance(1);
  await poll('the sixth', () => state.trips.length === 6);
  assert.equal(socket.unansweredMs(timers.nowMs()), 0);
});

test('a text message, and bytes that are no message, end the connection', async (t) => {
  const { connection, closed } = await setUp(t, true);
  connection.sendBytes(Uint8Array.of(0xff, 0xff));
  await poll('the end', () => closed()?.sentence === 'The server sent a message that cannot be read.');
  const other = await setUp(t, true);
  other.connection.sendBytes('hello');
  await poll('the end', () => /text message/.test(other.closed()?.sentence ?? ''));
});
