import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SequenceAccount } from './sequence-account.ts';

const step = fc.oneof(
  fc.record({ frame: fc.nat(120) }),
  fc.record({ first: fc.nat(120), length: fc.integer({ min: 1, max: 30 }), reason: fc.constantFrom('lost', 'slow', 'expired') }),
);

test('received and missing add up to everything since the viewer joined, with any duplicates, late frames and losses', () => {
  fc.assert(
    fc.property(fc.nat(40), fc.array(step, { maxLength: 120 }), (joined, steps) => {
      const account = new SequenceAccount(joined);
      const received = new Set<number>();
      let taken = 0;
      for (const one of steps) {
        if ('frame' in one) {
          assert.equal(account.take(one.frame), !received.has(one.frame));
          received.add(one.frame);
          taken++;
        } else account.explain(one.first, one.first + one.length - 1, one.reason);
      }
      const counted = [...received].filter((sequence) => sequence >= joined).length;
      const missing = account.missing('lost') + account.missing('slow') + account.missing('expired');
      assert.equal(counted + missing, account.next - joined);
      assert.equal(received.size + account.duplicates, taken);
    }),
  );
});

test('a hole counts as lost until the server gives its reason, and no longer counts once it is filled', () => {
  const account = new SequenceAccount(10);
  account.take(10);
  account.take(15);
  assert.equal(account.missing('lost'), 4);
  account.explain(11, 12, 'slow');
  assert.deepEqual([account.missing('lost'), account.missing('slow')], [2, 2]);
  assert.equal(account.take(12), true);
  assert.deepEqual([account.missing('lost'), account.missing('slow')], [2, 1]);
});

test('frames of the group before the joining point are new once and never missing', () => {
  const account = new SequenceAccount(100);
  assert.equal(account.take(3), true);
  assert.equal(account.take(90), true);
  assert.equal(account.take(90), false);
  assert.equal(account.missing('lost'), 0);
  account.explain(0, 99, 'expired');
  assert.equal(account.missing('expired'), 0);
});
