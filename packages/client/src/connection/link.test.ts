// A lasting connection to a real WebSocket server, on a clock that the test advances.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { poll } from '../../../../test/support/poll.ts';
import { startScriptedServer } from '../../../../test/support/scripted-server.ts';
import { Link } from './link.ts';

test('clients of a draining server spread their successors over 2 s, or half the time that is left', async (t) => {
  const server = await startScriptedServer(t, (connection, { publish }) => {
    if (publish !== undefined) connection.send({ published: { epoch: 1n, serverUnixUs: 1n } });
  });
  for (const [random, closeAfterMs, waitMs] of [
    [0.5, 10_000, 1_000],
    [0.9, 10_000, 1_800],
    [0.5, 1_000, 250],
  ] as const) {
    const timers = new ManualClock();
    const seen = { tokens: 0, goAways: 0 };
    const token = async () => {
      seen.tokens += 1;
      return 'a token';
    };
    const options = { server: server.url, stream: 'x', token, random: () => random, clock: timers };
    const owner = {
      hello: (current: string) => ({ publish: { stream: 'x', token: current } }),
      welcome: ({ published }: { published?: { serverUnixUs: bigint } | undefined }) => published && Number(published.serverUnixUs),
      onMessage: ({ goAway }: { goAway?: unknown }) => {
        if (goAway !== undefined) seen.goAways += 1;
      },
      onState: () => {},
      recovers: () => false,
    };
    const link = new Link(options, '/publish', owner, timers);
    await link.connect();
    const old = server.connections.at(-1);
    old?.send({ goAway: { closeAfterMs } });
    await poll('the announcement', () => seen.goAways === 1);
    timers.advance(waitMs - 1);
    assert.equal(seen.tokens, 1, `no successor before ${waitMs} ms`);
    timers.advance(1);
    assert.equal(seen.tokens, 2, `a successor after ${waitMs} ms`);
    await poll('the old connection to be closed', () => old?.closed === true);
    assert.deepEqual([link.state, link.reconnects], ['live', 1]);
    link.close();
  }
});
