import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Health, type HealthEvent, type HealthPolicy, nextHealth } from './shard-health.ts';

const policy: HealthPolicy = { suspectMs: 60, closeMs: 250, returnMs: 1_000, probationMs: 3_000 };
const after = (health: Health, ...events: readonly HealthEvent[]) =>
  events.reduce((state, event) => nextHealth(state, event, policy), health);
const down: Health = { state: 'down' };
const connected = (as: 'trusted' | 'new' | 'known', nowMs: number): HealthEvent => ({ kind: 'connected', as, nowMs });
const checked = (unansweredMs: number, nowMs: number): HealthEvent => ({ kind: 'checked', unansweredMs, nowMs });

test('a server known from the start is up at once, one that returns is up after answering for a time, a new one after its probation', () => {
  assert.deepEqual(after(down, connected('trusted', 5)), { state: 'up' });
  assert.equal(after(down, connected('known', 5), checked(0, 1_004)).state, 'returning');
  assert.equal(after(down, connected('known', 5), checked(0, 1_005)).state, 'up');
  assert.equal(after(down, connected('new', 5), checked(0, 3_004)).state, 'returning');
  assert.equal(after(down, connected('new', 5), checked(59, 3_005)).state, 'up');
});

test('silence makes a server suspect, longer silence down; an answer starts its return from the beginning', () => {
  const suspect = after({ state: 'up' }, checked(59, 100), checked(60, 101));
  assert.deepEqual(suspect, { state: 'suspect', sinceMs: 101 });
  assert.equal(after(suspect, checked(249, 290)).state, 'suspect');
  assert.equal(after(suspect, checked(250, 291)).state, 'down');
  const returning = after(suspect, checked(0, 200));
  assert.deepEqual(returning, { state: 'returning', untilMs: 1_200 });
  assert.deepEqual(after(returning, checked(60, 500), checked(0, 510)), { state: 'returning', untilMs: 1_510 });
});

test('after a pause of this process a server is suspect before it is down, however old the message', () => {
  assert.deepEqual(after({ state: 'up' }, checked(5_000, 9_000)), { state: 'suspect', sinceMs: 9_000 });
});

test('after any sequence of events, a server is up only if it has answered for the required time', () => {
  const event: fc.Arbitrary<['connected' | 'checked' | 'disconnected', number, number]> = fc.tuple(
    fc.constantFrom('connected', 'checked', 'checked', 'checked', 'disconnected'),
    fc.nat({ max: 700 }),
    fc.constantFrom(0, 0, 0, 30, 60, 300),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      let health: Health = down;
      let nowMs = 0;
      // When it last connected, or was last seen silent or suspect.
      let troubleMs = 0;
      for (const [kind, stepMs, unansweredMs] of events) {
        nowMs += stepMs;
        if (kind === 'connected' && health.state !== 'down') continue;
        const before = health;
        health = nextHealth(
          health,
          kind === 'connected' ? connected('known', nowMs) : kind === 'checked' ? checked(unansweredMs, nowMs) : { kind },
          policy,
        );
        if (health.state === 'up') assert.ok(nowMs - troubleMs >= policy.returnMs);
        if (before.state === 'down' || before.state === 'suspect' || health.state === 'suspect')
          if (health.state !== 'up') troubleMs = nowMs;
        if (before.state === 'down' && kind !== 'connected') assert.equal(health.state, 'down');
      }
    }),
  );
});
