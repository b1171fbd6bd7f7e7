import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ArrivalJitter } from './arrival-jitter.ts';
import { MediaLine } from './media-line.ts';
import { SteeredClock } from './steered-clock.ts';

test('the target rises at once with a late frame and then falls slowly', () => {
  const jitter = new ArrivalJitter();
  let nowMs = 0;
  const arrive = (count: number, lateMs: number) => {
    for (let i = 0; i < count; i++) {
      nowMs += 20;
      jitter.add(nowMs + lateMs, nowMs - 50);
    }
  };
  arrive(250, 0);
  assert.equal(jitter.targetMs(nowMs), 20);
  arrive(1, 200);
  assert.ok(jitter.targetMs(nowMs) >= 200);
  arrive(100, 0);
  const afterTwoSeconds = jitter.targetMs(nowMs);
  assert.ok(afterTwoSeconds > 100 && afterTwoSeconds < 200, `${afterTwoSeconds} ms`);
  arrive(1_500, 0);
  assert.equal(jitter.targetMs(nowMs), 20);
});

test('the target stays within its bounds for any arrivals', () => {
  const jitter = new ArrivalJitter({ targetMinMs: 30, targetMaxMs: 400 });
  for (let i = 0; i < 200; i++) {
    jitter.add(i * 20 + (i % 7) * 1_000, i * 20);
    const target = jitter.targetMs(i * 20);
    assert.ok(target >= 30 && target <= 400);
  }
});

test('a burst after joining does not count as jitter, but its newest frame sets the base', () => {
  const line = new MediaLine();
  line.begin(1_000, true);
  for (let mediaMs = 0; mediaMs < 900; mediaMs += 20) line.voice(1_010, mediaMs);
  assert.equal(line.targetMs(1_010), 20);
  assert.equal(line.at(1_010), 880 - 20);
});

test('motion leads without a voice, and after two seconds of silent voice', () => {
  const line = new MediaLine();
  line.motion(1_000, 940);
  assert.equal(line.at(1_000), 920);
  line.voice(1_000, 900);
  assert.equal(line.at(1_000), 880);
  assert.equal(line.at(2_500), 2_380);
  line.motion(3_100, 3_040);
  assert.equal(line.at(3_100), 3_100 - 60 - line.targetMs(3_100));
});

test('the clock for motion alone never runs backwards, deviates at most 5 % in speed, and jumps only over 400 ms', () => {
  const clock = new SteeredClock();
  let wantedMs = 0;
  let shownMs = clock.advance(0, wantedMs);
  for (let nowMs = 16; nowMs < 20_000; nowMs += 16) {
    wantedMs = nowMs - (nowMs > 5_000 ? 120 : 0) + (nowMs > 12_000 ? 60 : 0);
    const next = clock.advance(nowMs, wantedMs);
    assert.ok(next - shownMs >= 16 * 0.95 - 1e-9 && next - shownMs <= 16 * 1.05 + 1e-9, `${next - shownMs} ms`);
    shownMs = next;
  }
  assert.ok(Math.abs(shownMs - wantedMs) < 5);
  assert.equal(clock.advance(20_000, 25_000), 25_000);
});
