import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { poll } from '../../../../test/support/poll.ts';
import { TokenRefresh } from './token-refresh.ts';

const expiring = (atMs: number) => `e30.${Buffer.from(JSON.stringify({ exp: atMs / 1_000 })).toString('base64url')}.sig`;

/** A refresh whose tokens live for `lifeMs`. The next `failures` fetches fail. */
async function setUp(lifeMs: number) {
  const clock = new ManualClock();
  const replaced: string[] = [];
  const state = { fetches: 0, failures: 0 };
  const source = async () => {
    state.fetches += 1;
    if (state.failures-- > 0) throw new Error('the issuer is down');
    return expiring(clock.nowMs() + lifeMs);
  };
  const refresh = new TokenRefresh(source, (token) => replaced.push(token), clock);
  await refresh.fetch();
  refresh.schedule();
  return { clock, refresh, replaced, state };
}

test('a token is replaced 150 s before it expires, or when a quarter of a shorter life is left', async () => {
  for (const [lifeMs, dueMs] of [
    [3_600_000, 3_450_000],
    [60_000, 45_000],
  ] as const) {
    const { clock, replaced, state } = await setUp(lifeMs);
    clock.advance(dueMs - 1);
    assert.equal(state.fetches, 1);
    clock.advance(1);
    assert.equal(state.fetches, 2);
    await poll('the new token', () => replaced.length === 1);
    assert.equal(replaced[0], expiring(dueMs + lifeMs));
    clock.advance(dueMs);
    assert.equal(state.fetches, 3, 'the new token is replaced in time too');
  }
});

test('a failed fetch is repeated after 5 s, while the old token is still valid', async () => {
  const { clock, replaced, state } = await setUp(60_000);
  state.failures = 1;
  clock.advance(45_000);
  assert.equal(state.fetches, 2);
  // The failure is known once its promise has settled.
  await poll('the next attempt', () => {
    clock.advance(1_000);
    return state.fetches === 3;
  });
  assert.ok(clock.nowMs() < 60_000, `${clock.nowMs()} ms`);
  await poll('the new token', () => replaced.length === 1);
});

test('a refresh that a sleeping page missed is made when the page is awake, once', async () => {
  let unixMs = 0;
  let fetches = 0;
  const asleep = { after: () => () => {}, nowUnixUs: () => unixMs * 1_000 };
  const source = async () => {
    fetches += 1;
    return expiring(unixMs + 60_000);
  };
  const refresh = new TokenRefresh(source, () => {}, asleep);
  await refresh.fetch();
  refresh.schedule();
  unixMs = 44_999;
  refresh.refreshIfDue();
  assert.equal(fetches, 1);
  unixMs = 45_000;
  refresh.refreshIfDue();
  refresh.refreshIfDue();
  assert.equal(fetches, 2);
});

test('a token that lives longer than the longest timer is replaced in time, not at once', async () => {
  const dayMs = 86_400_000;
  const { clock, state } = await setUp(60 * dayMs);
  clock.advance(59 * dayMs);
  assert.equal(state.fetches, 1);
  clock.advance(dayMs);
  assert.equal(state.fetches, 2);
});

test('after stop nothing is fetched', async () => {
  const { clock, refresh, state } = await setUp(60_000);
  refresh.stop();
  clock.advance(120_000);
  refresh.refreshIfDue();
  assert.equal(state.fetches, 1);
});
