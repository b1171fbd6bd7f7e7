import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Clock } from '../../kernel/clock.ts';
import { hashText, parsePlacement } from './placement.ts';
import { type Outgoing, PublishSlots, type SlotServer } from './publish-slots.ts';
import type { Health } from './shard-health.ts';

/** A clock that stands still until a test moves it. */
class StillClock implements Clock {
  #nowMs = 0;
  #calls: { atMs: number; run: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  nowWallMs(): number {
    return this.#nowMs;
  }

  nowUnixUs(): number {
    return this.#nowMs * 1_000;
  }

  after(delayMs: number, run: () => void): () => void {
    const call = { atMs: this.#nowMs + delayMs, run };
    this.#calls.push(call);
    return () => {
      this.#calls = this.#calls.filter((other) => other !== call);
    };
  }

  soon(run: () => void): () => void {
    return this.after(0, run);
  }

  /** Moves the clock and makes the calls that become due. */
  pass(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const [next] = this.#calls.filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs);
      if (next === undefined) break;
      this.#calls = this.#calls.filter((other) => other !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
    }
    this.#nowMs = endMs;
  }
}

interface Write {
  readonly server: TestServer;
  readonly atMs: number;
  readonly messages: readonly Outgoing<TestServer>[];
}

interface TestServer extends SlotServer<TestServer> {
  health: Health;
}

function bench({ placement = 'spray', servers = 3, slotMs = 5, queueBytesMax = 10_000, seed = 1 } = {}) {
  const clock = new StillClock();
  const writes: Write[] = [];
  const dropped: string[] = [];
  const all = Array.from({ length: servers }, (_, i): TestServer => {
    const server: TestServer = {
      key: hashText(`server ${i}`),
      health: { state: 'up' },
      publish: (messages) => {
        writes.push({ server, atMs: clock.nowMs(), messages });
        return 1;
      },
    };
    return server;
  });
  const slots = new PublishSlots<TestServer>(
    { placement: parsePlacement(placement), slotMs, queueBytesMax, seed },
    {
      clock,
      servers: () => all,
      unansweredBytes: () => 0,
      dropped: (reason, messages) => {
        for (let i = 0; i < messages; i++) dropped.push(reason);
      },
    },
  );
  return { clock, writes, dropped, all, slots };
}

const channelsOf = ({ messages }: Write) => messages.map(({ channel }) => channel);
const message = new Uint8Array(10);

test('messages published in one turn after a pause leave at once, in one write; later ones wait for the slot to end', () => {
  const { clock, writes, slots } = bench();
  slots.add('a', message);
  slots.add('b', message);
  assert.equal(writes.length, 0);
  clock.pass(0);
  clock.pass(1);
  slots.add('c', message);
  clock.pass(1);
  slots.add('d', message);
  clock.pass(2);
  assert.deepEqual(writes.map(channelsOf), [['a', 'b']]);
  clock.pass(1);
  assert.deepEqual(writes.map(channelsOf), [
    ['a', 'b'],
    ['c', 'd'],
  ]);
  assert.deepEqual(
    writes.map(({ atMs }) => atMs),
    [0, 5],
  );
});

test('each slot is one write to one server, and N slots are written to N servers', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.integer(),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 8, maxLength: 40 }),
      (servers, seed, sizes) => {
        const { clock, writes, slots } = bench({ servers, seed });
        for (const size of sizes) {
          for (let i = 0; i < size; i++) slots.add('a', message);
          clock.pass(5);
        }
        assert.deepEqual(
          writes.map(({ messages }) => messages.length),
          sizes,
        );
        for (let at = 0; at + servers <= writes.length; at += servers)
          assert.equal(new Set(writes.slice(at, at + servers).map(({ server }) => server)).size, servers);
      },
    ),
  );
});

test('copies go to the given number of servers, the rest of the slot to one of these', () => {
  const { clock, writes, slots } = bench();
  slots.add('one', message);
  slots.add('two', message, 2);
  slots.add('all', message, Number.POSITIVE_INFINITY);
  clock.pass(0);
  assert.deepEqual(writes.map(channelsOf).sort(), [['all'], ['one', 'two', 'all'], ['two', 'all']].sort());
  assert.equal(new Set(writes.map(({ server }) => server)).size, 3);
});

test('by hash a slot is one write to each server that its channels belong to', () => {
  const { clock, writes, slots } = bench({ placement: 'hash' });
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 30; i++) slots.add(`live:${i}`, message);
    clock.pass(5);
  }
  assert.equal(writes.length, 6);
  const home = new Map<string, TestServer>();
  for (const write of writes)
    for (const channel of channelsOf(write)) {
      assert.equal(home.get(channel) ?? write.server, write.server);
      home.set(channel, write.server);
    }
  assert.equal(home.size, 30);
});

test('servers that are up come first, then returning ones, then suspects; without any, messages are dropped and counted', () => {
  const { clock, writes, dropped, all, slots } = bench();
  const [first, second, third] = all;
  assert.ok(first && second && third);
  const publish = (copies?: number) => {
    writes.length = 0;
    slots.add('a', message, copies);
    clock.pass(5);
    return writes.map(({ server }) => all.indexOf(server));
  };
  first.health = { state: 'suspect', sinceMs: 0 };
  second.health = { state: 'returning', untilMs: 9_999 };
  for (let i = 0; i < 10; i++) assert.deepEqual(publish(), [2]);
  assert.deepEqual(publish(2), [2, 1]);
  assert.deepEqual(publish(Number.POSITIVE_INFINITY), [2, 1, 0]);
  third.health = { state: 'down' };
  assert.deepEqual(publish(), [1]);
  second.health = { state: 'down' };
  assert.deepEqual(publish(), [0]);
  assert.deepEqual(dropped, []);
  first.health = { state: 'down' };
  assert.deepEqual(publish(), []);
  assert.deepEqual(dropped, ['no_server']);
});

test('a rescued message goes at once to a server that has not had it, until none is left', () => {
  const { clock, writes, slots } = bench();
  for (let i = 0; i < 4; i++) slots.add('a', message);
  clock.pass(0);
  for (let tries = 1; tries < 3; tries++) {
    const last = writes.at(-1);
    assert.ok(last);
    last.server.health = { state: 'suspect', sinceMs: 0 };
    assert.deepEqual(slots.rescue(last.messages), []);
    assert.equal(writes.length, tries + 1);
    assert.equal(writes.at(-1)?.messages.length, 4);
  }
  assert.equal(new Set(writes.map(({ server }) => server)).size, 3);
  assert.equal(slots.rescue(writes.at(-1)?.messages ?? []).length, 4);
  assert.equal(writes.length, 3);
});

test('messages above the bound are dropped and counted, and there is room again once the slot is written', () => {
  const { clock, writes, dropped, slots } = bench({ queueBytesMax: 100 });
  for (let i = 0; i < 12; i++) slots.add('a', message);
  assert.deepEqual(dropped, ['queue_full', 'queue_full', 'queue_full']);
  clock.pass(0);
  slots.add('a', message);
  clock.pass(5);
  assert.deepEqual(
    writes.map(({ messages }) => messages.length),
    [9, 1],
  );
});
