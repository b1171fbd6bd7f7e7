// The promises of every shard adapter, as tests. Each adapter's test runs this suite against its
// real server.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { poll } from '../../../../test/support/poll.ts';
import type { Shards } from './shard.ts';

/**
 * The shards of two processes that reach each other; an embedded adapter gives the same shards
 * twice.
 */
type ShardPair = readonly [Shards, Shards];

/**
 * Registers the suite. `open` gives shards that no other test uses; undefined if it skipped the
 * test.
 */
export function shardContract(adapter: string, open: (t: TestContext) => Promise<ShardPair | undefined>): void {
  const contract = (name: string, body: (shards: Shards, other: Shards) => Promise<void>): void => {
    test(`${adapter}: ${name}`, async (t) => {
      const pair = await open(t);
      if (pair === undefined) return;
      try {
        await body(...pair);
      } finally {
        await Promise.all(pair.map((shards) => shards.close()));
      }
    });
  };

  contract('a subscriber receives all messages published after it subscribed, byte for byte and in order', async (shards) => {
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

  contract('channels do not mix, and each of several subscriptions receives every message', async (shards) => {
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

  contract('nothing is received after unsubscribing, even if an equal receiver stays subscribed', async (shards) => {
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

  contract(
    'publish returns before any receiver is called, and publishing without subscribers or after close is harmless',
    async (shards) => {
      let received = 0;
      await shards.subscribe('live:a', () => received++);
      shards.publish('live:a', Uint8Array.of(1));
      assert.equal(received, 0);
      shards.publish('live:nobody', Uint8Array.of(1));
      await poll('the message', () => received === 1);
      await shards.close();
      shards.publish('live:a', Uint8Array.of(1));
    },
  );

  contract('two processes publish to each other, and every message arrives once', async (shards, other) => {
    const received: string[] = [];
    await shards.subscribe('control', (message) => received.push(`first ${Buffer.from(message)}`));
    await other.subscribe('control', (message) => received.push(`second ${Buffer.from(message)}`));
    for (let i = 0; i < 100; i++) {
      shards.publish('control', Buffer.from(`a${i}`));
      other.publish('control', Buffer.from(`b${i}`));
    }
    await poll('all messages at both', () => received.length === 400);
    assert.equal(new Set(received).size, 400);
  });

  contract('each of many channels gets its own messages', async (shards, other) => {
    const received = new Map<number, number[]>();
    const channels = Array.from({ length: 600 }, (_, channel) => channel);
    const note = (channel: number) => (message: Uint8Array) => {
      received.set(channel, [...(received.get(channel) ?? []), Buffer.from(message).readUInt32LE()]);
    };
    await Promise.all(channels.map((channel) => shards.subscribe(`live:${channel}`, note(channel))));
    const message = (number: number) => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32LE(number);
      return bytes;
    };
    for (const channel of channels) other.publish(`live:${channel}`, message(channel));
    for (const channel of channels) other.publish(`live:${channel}`, message(channel + 1_000));
    await poll('all messages', () => [...received.values()].flat().length === 1_200);
    for (const channel of channels) assert.deepEqual(received.get(channel), [channel, channel + 1_000]);
  });

  contract('a message arrives at least once and at most once per copy', async (shards, other) => {
    for (const copies of [1, 2, 3, Number.POSITIVE_INFINITY]) {
      const received: string[] = [];
      const channel = `repair:${copies}`;
      await shards.subscribe(channel, (message) => received.push(Buffer.from(message).toString()));
      for (let i = 0; i < 50; i++) other.publish(channel, Buffer.from(`request ${i}`), copies);
      await poll('each request', () => new Set(received).size === 50);
      assert.ok(received.length <= 50 * copies, `${received.length} for ${copies} copies`);
    }
  });

  contract('the last call in any sequence of subscribe and unsubscribe decides whether a channel is received', async (shards, other) => {
    const [seed, channels] = [Number(process.env.HAYATE_TEST_SEED ?? 11), 30];
    const plans = fc.sample(fc.array(fc.boolean(), { minLength: 1, maxLength: 12 }), { numRuns: channels, seed });
    const received = new Set<string>();
    const subscribed = await Promise.all(
      plans.map(async (plan, channel) => {
        // Steps alternate between waiting for the effect of the step before and not waiting.
        let current: ReturnType<Shards['subscribe']> | undefined;
        for (const [step, wanted] of plan.entries()) {
          if (wanted) current ??= shards.subscribe(`live:${channel}`, (message) => received.add(Buffer.from(message).toString()));
          else {
            const ending = current;
            current = undefined;
            if (step % 3 === 0) (await ending)?.();
            else void ending?.then((unsubscribe) => unsubscribe());
          }
        }
        await current;
        return current !== undefined;
      }),
    );
    await shards.subscribe('live:last', (message) => received.add(Buffer.from(message).toString()));
    const expected = subscribed.flatMap((is, channel) => (is ? [`message ${channel}`] : []));
    for (let channel = 0; channel < channels; channel++) other.publish(`live:${channel}`, Buffer.from(`message ${channel}`));
    other.publish('live:last', Buffer.from('end'));
    await poll('the last message', () => received.has('end') && received.size > expected.length);
    assert.deepEqual([...received].sort(), [...expected, 'end'].sort(), `seed ${seed}`);
  });
}
