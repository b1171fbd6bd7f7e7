// What every adapter of the shard seam must do. Each adapter's test runs this suite against its real server.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { poll } from '../../../../test/support/poll.ts';
import type { Shards } from './shard.ts';

/** Registers the suite. `open` gives shards that no other test uses. */
export function shardContract(adapter: string, open: () => Promise<Shards>): void {
  const contract = (name: string, body: (shards: Shards) => Promise<void>): void => {
    test(`${adapter}: ${name}`, async () => {
      const shards = await open();
      try {
        await body(shards);
      } finally {
        await shards.close();
      }
    });
  };

  contract('a subscriber receives what is published after it subscribed, byte for byte and in order', async (shards) => {
    const received: Uint8Array[] = [];
    await shards.subscribe('live:a', (message) => received.push(message));
    const sent = fc.sample(fc.uint8Array({ maxLength: 2_000 }), { numRuns: 200, seed: 7 });
    for (const message of sent) shards.publish('live:a', message);
    await poll('all messages', () => received.length === sent.length);
    assert.deepEqual(
      received.map((message) => Buffer.from(message).toString('hex')),
      sent.map((message) => Buffer.from(message).toString('hex')),
    );
  });

  contract('channels do not mix, and each of several subscriptions receives', async (shards) => {
    const received: string[] = [];
    const note = (name: string) => (message: Uint8Array) => received.push(`${name}${message[0]}`);
    await shards.subscribe('live:a', note('first '));
    await shards.subscribe('live:a', note('second '));
    await shards.subscribe('live:b', note('other '));
    shards.publish('live:a', Uint8Array.of(1));
    shards.publish('live:b', Uint8Array.of(2));
    await poll('three messages', () => received.length === 3);
    assert.deepEqual(received.toSorted(), ['first 1', 'other 2', 'second 1']);
  });

  contract('nothing is received after unsubscribing, also by one of two equal receivers', async (shards) => {
    const received: number[] = [];
    const receive = (message: Uint8Array) => received.push(message[0] ?? -1);
    const unsubscribe = await shards.subscribe('live:a', receive);
    await shards.subscribe('live:a', receive);
    unsubscribe();
    shards.publish('live:a', Uint8Array.of(1));
    shards.publish('live:a', Uint8Array.of(2));
    await poll('the last message', () => received.includes(2));
    assert.deepEqual(received, [1, 2]);
  });

  contract('a receiver may publish and unsubscribe while it receives', async (shards) => {
    const received: number[] = [];
    const unsubscribe = await shards.subscribe('live:a', (message) => {
      received.push(message[0] ?? -1);
      unsubscribe();
      shards.publish('live:b', Uint8Array.of(9));
    });
    await shards.subscribe('live:b', (message) => received.push(message[0] ?? -1));
    shards.publish('live:a', Uint8Array.of(1));
    await poll('the answer', () => received.includes(9));
    assert.deepEqual(received, [1, 9]);
  });

  contract('publish returns before anybody receives, and publishing to nobody or after close is harmless', async (shards) => {
    let received = 0;
    await shards.subscribe('live:a', () => received++);
    shards.publish('live:a', Uint8Array.of(1));
    assert.equal(received, 0);
    shards.publish('live:nobody', Uint8Array.of(1));
    await poll('the message', () => received === 1);
    await shards.close();
    shards.publish('live:a', Uint8Array.of(1));
  });
}
