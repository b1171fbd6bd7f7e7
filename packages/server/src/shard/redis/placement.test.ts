import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hashText, type Placement, parsePlacement, preference } from './placement.ts';

interface Server {
  readonly name: string;
  readonly key: number;
}

const serversOf = (count: number): Server[] =>
  Array.from({ length: count }, (_, i) => ({ name: `10.0.0.${i}:6379`, key: hashText(`10.0.0.${i}:6379`) }));
const spray = parsePlacement('spray');
const hash = parsePlacement('hash');

/** The names of the servers that take a message. */
const taking = (placement: Placement, servers: readonly Server[], slot: number, channel = 'live:a', seed = 1) =>
  preference(placement, { seed, slot, channel }, servers)
    .slice(0, placement.copies)
    .map(({ name }) => name);

/**
 * How far the largest share of visits exceeds an even share, in standard deviations of fair draws.
 */
function unevenness(visits: readonly string[], servers: number): number {
  const counts = new Map<string, number>();
  for (const name of visits) counts.set(name, (counts.get(name) ?? 0) + 1);
  const even = visits.length / servers;
  const deviation = Math.sqrt(even * (1 - 1 / servers));
  return Math.max(...serversOf(servers).map(({ name }) => Math.abs((counts.get(name) ?? 0) - even) / deviation));
}

test('placements are read by name, and any other text is refused', () => {
  assert.deepEqual([spray.copies, hash.by, parsePlacement('mirror:2')], [1, 'hash', { by: 'spray', copies: 2 }]);
  for (const text of ['', 'mirror', 'mirror:0', 'mirror:', 'Spray', 'hash:2']) assert.throws(() => parsePlacement(text), /--placement/);
});

test('every order holds each server once, and equal positions give equal orders', () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.nat(),
      fc.string(),
      fc.integer({ min: 0, max: 40 }),
      fc.boolean(),
      (seed, slot, channel, count, byHash) => {
        const servers = serversOf(count);
        const order = preference(byHash ? hash : spray, { seed, slot, channel }, servers);
        assert.deepEqual(order.map(({ name }) => name).sort(), servers.map(({ name }) => name).sort());
        assert.deepEqual(preference(byHash ? hash : spray, { seed, slot, channel }, servers), order);
      },
    ),
  );
});

test('spray visits each server once in every cycle of N slots, and its cycles differ', () => {
  fc.assert(
    fc.property(fc.integer(), fc.nat({ max: 2 ** 40 }), fc.integer({ min: 1, max: 20 }), (seed, cycle, count) => {
      const servers = serversOf(count);
      const visited = Array.from({ length: count }, (_, i) => taking(spray, servers, cycle * count + i, 'x', seed)[0]);
      assert.equal(new Set(visited).size, count);
    }),
  );
  const orders = new Set(
    Array.from({ length: 100 }, (_, cycle) => Array.from({ length: 6 }, (_, i) => taking(spray, serversOf(6), cycle * 6 + i)[0]).join()),
  );
  assert.ok(orders.size > 80, `${orders.size} orders of 720`);
});

test('a stream that publishes every k-th slot uses all servers evenly, for any k', () => {
  for (const count of [2, 3, 4, 8]) {
    for (let period = 1; period <= 3 * count; period++) {
      const visits = Array.from({ length: 6_000 }, (_, i) => taking(spray, serversOf(count), i * period)[0] ?? '');
      const most = unevenness(visits, count);
      assert.ok(most < 4.5, `${count} servers, every ${period} slots: ${most.toFixed(1)} standard deviations`);
    }
  }
});

test('processes with different seeds do not use the servers in step', () => {
  const visits = Array.from({ length: 4_000 }, (_, seed) => taking(spray, serversOf(4), 7, 'x', seed)[0] ?? '');
  assert.ok(unevenness(visits, 4) < 4.5);
});

test('mirror takes R different servers, or all if there are fewer, and each gets an equal share of a cycle', () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), (cycle, count, copies) => {
      const placement = parsePlacement(`mirror:${copies}`);
      const counts = new Map<string, number>();
      for (let i = 0; i < count; i++) {
        const names = taking(placement, serversOf(count), cycle * count + i);
        assert.equal(new Set(names).size, Math.min(copies, count));
        for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
      }
      assert.deepEqual(new Set(counts.values()), new Set([Math.min(copies, count)]));
    }),
  );
});

test('hash keeps a channel on its server, spreads channels evenly, and moves only the channels that must move', () => {
  const channels = Array.from({ length: 6_000 }, (_, i) => `live:studio-${i}`);
  for (const count of [2, 3, 5, 9]) {
    const servers = serversOf(count);
    const before = channels.map((channel) => taking(hash, servers, 0, channel)[0] ?? '');
    assert.deepEqual(
      channels.map((channel) => taking(hash, servers, 12_345, channel, 99)[0] ?? ''),
      before,
    );
    assert.ok(unevenness(before, count) < 4.5, `${count} servers`);
    const without = servers.slice(1);
    const after = channels.map((channel) => taking(hash, without, 0, channel)[0]);
    for (const [i, name] of before.entries()) if (name !== servers[0]?.name) assert.equal(after[i], name);
  }
});
