import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type SocketReading, Uplink } from './uplink.ts';

const idle: SocketReading = { bufferedBytes: 0, unansweredMs: 0, shortestRoundTripMs: 20 };
const late: SocketReading = { ...idle, unansweredMs: 1_000 };

/** An uplink over which `bitsPerSecond` in `framesPerSecond` have been sent for 3 s. */
function sending(bitsPerSecond: number, framesPerSecond: number, limits: { bits?: number; frames?: number } = {}): Uplink {
  const uplink = new Uplink();
  uplink.limitBitsPerSecond = limits.bits ?? 0;
  uplink.limitFramesPerSecond = limits.frames ?? 0;
  uplink.reset(0);
  for (let nowMs = 0; nowMs < 3_000; nowMs += 50) {
    uplink.sent(bitsPerSecond / 160, framesPerSecond / 20, nowMs);
    uplink.observe(idle, nowMs);
  }
  uplink.observe(idle, 2_999);
  return uplink;
}

test('new and resent frames together leave a tenth of the server’s limits', () => {
  for (const [share, isGranted] of [
    [0.7, true],
    [0.95, false],
  ] as const) {
    assert.equal(sending(share * 800_000, 10, { bits: 800_000 }).mayResend, isGranted, `${share} of the bits`);
    assert.equal(sending(80_000, share * 200, { frames: 200 }).mayResend, isGranted, `${share} of the frames`);
  }
});

test('while answers are late the estimate falls to a quarter in a second, and to 32 kbit/s at least', () => {
  const uplink = new Uplink();
  uplink.reset(0);
  const first = uplink.estimateBitsPerSecond;
  for (let reading = 0; reading <= 4; reading++) uplink.observe(late, reading * 250);
  const share = uplink.estimateBitsPerSecond / first;
  assert.ok(share > 0.2 && share < 0.3, `${share}`);
  for (let reading = 5; reading <= 40; reading++) uplink.observe(late, reading * 250);
  assert.equal(uplink.estimateBitsPerSecond, 32_000);
});

test('each reading with resends that leaves the socket empty raises the estimate by a quarter, up to the limit', () => {
  const uplink = new Uplink();
  uplink.limitBitsPerSecond = 400_000;
  uplink.reset(0);
  uplink.observe(idle, 0);
  const estimates = [1, 2, 3].map((reading) => {
    uplink.resent(100, 1);
    uplink.observe(idle, reading * 250);
    return uplink.estimateBitsPerSecond;
  });
  assert.deepEqual(estimates, [320_000, 400_000, 400_000]);
  uplink.observe(idle, 1_000);
  assert.equal(uplink.estimateBitsPerSecond, 400_000, 'without resends nothing is tried');
});

test('resends get half of the estimate, and no more than half a second of it at once', () => {
  const uplink = new Uplink();
  uplink.reset(0);
  uplink.observe(idle, 60_000);
  // 256 kbit/s: 128 for resends, of which half a second is 8,000 bytes.
  uplink.resent(7_999, 1);
  assert.equal(uplink.mayResend, true);
  uplink.resent(1, 1);
  assert.equal(uplink.mayResend, false);
  uplink.observe(idle, 60_001);
  assert.equal(uplink.mayResend, true);
});

test('bytes in the socket and late answers are congestion', () => {
  const uplink = new Uplink();
  assert.equal(uplink.congested(idle), false);
  assert.equal(uplink.congested({ ...idle, bufferedBytes: 8_193 }), true);
  assert.equal(uplink.congested({ ...idle, unansweredMs: 420 }), false);
  assert.equal(uplink.congested({ ...idle, unansweredMs: 421 }), true);
});
