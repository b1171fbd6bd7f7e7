import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ReceiptWindow } from './receipt-window.ts';

const limits = { windowBytes: 1_000, windowMs: 100 };

/** The window by its definition: computed from all frames sent beyond a receipt. */
function admits(written: readonly { sequence: number; bytes: number; receivedUnixUs: number }[], receipted: number): boolean {
  const out = written.filter(({ sequence }) => sequence > receipted);
  const [oldest] = out;
  if (oldest === undefined) return true;
  const bytes = out.reduce((sum, one) => sum + one.bytes, 0);
  return bytes <= limits.windowBytes || (written.at(-1)?.receivedUnixUs ?? 0) - oldest.receivedUnixUs <= limits.windowMs * 1_000;
}

const slot = fc.array(fc.record({ skip: fc.nat(3), bytes: fc.integer({ min: 1, max: 700 }), afterMs: fc.nat(60) }), {
  minLength: 1,
  maxLength: 6,
});

test('a receipt is at or above the floor exactly when the window admits the frames sent after it', () => {
  fc.assert(
    fc.property(fc.array(slot, { maxLength: 120 }), (slots) => {
      const window = new ReceiptWindow(limits);
      const written: { sequence: number; bytes: number; receivedUnixUs: number }[] = [];
      let sequence = -1;
      let receivedUnixUs = 0;
      for (const frames of slots) {
        const [floor, last] = [window.floor, window.last];
        for (const { skip, bytes, afterMs } of frames) {
          sequence += 1 + skip;
          receivedUnixUs += afterMs * 1_000;
          written.push({ sequence, bytes, receivedUnixUs });
          window.add({ sequence, bytes, receivedUnixUs }, receivedUnixUs / 1_000);
        }
        for (let receipted = Math.max(-1, sequence - 30); receipted <= sequence; receipted++)
          assert.equal(receipted >= window.floor, admits(written, receipted), `receipt ${receipted}, floor ${window.floor}`);
        // Viewers admitted before these frames: the frames on their way must still be known, with
        // or without these.
        for (const receipted of [floor, last]) {
          const out = (upTo: number) =>
            written.filter((one) => one.sequence > receipted && one.sequence <= upTo).map((one) => one.sequence);
          assert.deepEqual(
            window.between(receipted, last).map((one) => one.sequence),
            out(last),
          );
          assert.deepEqual(
            window.between(receipted, sequence).map((one) => one.sequence),
            out(sequence),
          );
        }
        window.trim();
      }
    }),
  );
});

test('unreported frames are as old as their first one, and a viewer that has reported all has none', () => {
  const window = new ReceiptWindow(limits);
  assert.equal(window.unreportedSinceMs(-1), undefined);
  for (let sequence = 0; sequence < 1_000; sequence++) {
    window.add({ sequence, bytes: 300, receivedUnixUs: sequence * 50_000 }, sequence);
    window.trim();
  }
  assert.equal(window.unreportedSinceMs(999), undefined);
  assert.equal(window.unreportedSinceMs(998), 999);
  assert.equal(window.unreportedSinceMs(window.floor), window.floor + 1);
});

test('an earlier frame, of a group that arrived late, does not move the window back', () => {
  const window = new ReceiptWindow(limits);
  window.add({ sequence: 10, bytes: 10, receivedUnixUs: 0 }, 0);
  window.add({ sequence: 3, bytes: 10, receivedUnixUs: 0 }, 0);
  assert.equal(window.last, 10);
  assert.deepEqual(
    window.between(9, 10).map(({ bytes }) => bytes),
    [10, 10],
  );
});

test('the window forgets old frames, so that a broadcast of days costs no more memory than one of seconds', () => {
  const window = new ReceiptWindow(limits);
  for (let sequence = 0; sequence < 20_000; sequence++) {
    window.add({ sequence, bytes: 100, receivedUnixUs: sequence * 50_000 }, sequence * 50);
    window.trim();
  }
  assert.equal(window.floor, 20_000 - 1 - limits.windowBytes / 100);
  const held = window.between(-1, window.last).map(({ sequence }) => sequence);
  assert.deepEqual([held.at(-1), held.length <= 1_000], [19_999, true], `${held.length} frames are held`);
});
