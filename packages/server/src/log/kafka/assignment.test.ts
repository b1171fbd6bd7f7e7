import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type AssignedMember, assignPartitions } from './assignment.ts';

const all = (partitions: number) => Array.from({ length: partitions }, (_, partition) => partition);

/**
 * Lets members join until nothing changes and each owns the partitions it was last given. Checks
 * every round.
 */
function settle(members: AssignedMember[], partitions: number): { members: AssignedMember[]; rounds: number } {
  for (let rounds = 1; ; rounds++) {
    const given = assignPartitions(members, partitions);
    const shared = [...given.values()].flat();
    assert.equal(new Set(shared).size, shared.length, 'no partition has two members');
    const next = members.map(({ memberId, generation }) => ({ memberId, owned: given.get(memberId) ?? [], generation: generation + 1 }));
    const moved = next.some(({ owned }, index) =>
      owned.some((partition) => members.some((m, i) => i !== index && m.owned.includes(partition))),
    );
    assert.equal(moved, false, 'no partition is given to a member while another holds it');
    if (JSON.stringify(next.map(({ owned }) => owned)) === JSON.stringify(members.map(({ owned }) => [...owned].sort((a, b) => a - b))))
      return { members: next, rounds };
    members = next;
    assert.ok(rounds < 5, 'it settles');
  }
}

const scenario = fc.record({
  partitions: fc.integer({ min: 1, max: 60 }),
  /** The number of members after each change. */
  counts: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 6 }),
});

test('members that join and leave get fair shares, no partition has two members, and few partitions move', () => {
  fc.assert(
    fc.property(scenario, ({ partitions, counts }) => {
      let members: AssignedMember[] = [];
      let born = 0;
      for (const count of counts) {
        const before = members;
        members = members.slice(0, count);
        while (members.length < count) members.push({ memberId: `m${born++}`, owned: [], generation: -1 });
        const stayed = members.length;
        const settled = settle(members, partitions);
        assert.ok(settled.rounds <= 3);
        const sizes = settled.members.map(({ owned }) => owned.length);
        assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1, `shares ${sizes}`);
        assert.deepEqual(
          settled.members.flatMap(({ owned }) => owned).sort((a, b) => a - b),
          all(partitions),
        );
        // No member that stays within a fair share loses a partition.
        const share = Math.floor(partitions / stayed);
        for (const member of settled.members) {
          const had = before.find(({ memberId }) => memberId === member.memberId)?.owned ?? [];
          const keeps = had.filter((partition) => member.owned.includes(partition)).length;
          assert.ok(keeps >= Math.min(had.length, share), `kept ${keeps} of ${had.length}`);
        }
        members = settled.members;
      }
    }),
  );
});

test('the order of members changes nothing; of two claims the newer one wins', () => {
  const members = [
    { memberId: 'a', owned: [0, 1, 2], generation: 4 },
    { memberId: 'b', owned: [2, 3], generation: 5 },
    { memberId: 'c', owned: [], generation: -1 },
  ];
  const given = assignPartitions(members, 6);
  assert.deepEqual(assignPartitions(members.toReversed(), 6), given);
  assert.deepEqual(
    ['a', 'b', 'c'].map((memberId) => given.get(memberId)),
    [
      [0, 1],
      [2, 3],
      [4, 5],
    ],
  );
});
