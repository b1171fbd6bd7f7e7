// What a returning viewer is given again: 2 s, 256 events, and never a hole.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeFrame, encodeServerFrame, Kind, peekFrame } from '@hayate/protocol';
import { HISTORY_EVENTS_MAX, HISTORY_MS, History } from './history.ts';

function frame(sequence: number, receivedMs: number, kind: number = Kind.AUDIO) {
  const bytes = encodeFrame({ stream: 's', epoch: 1n, sequence, captureUs: 0, kind, payload: new Uint8Array() });
  return { frame: bytes, header: peekFrame(bytes), receivedUnixUs: receivedMs * 1_000, message: encodeServerFrame(bytes) };
}

test('frames of the last two seconds come again from any sequence among them, older ones do not', () => {
  const history = new History();
  for (let sequence = 0; sequence < 300; sequence++) history.push(frame(sequence, sequence * 10));
  const oldest = 299 - HISTORY_MS / 10;
  assert.equal(history.since(oldest)?.length, HISTORY_MS / 10 + 1);
  assert.equal(history.since(298)?.length, 2);
  assert.equal(history.since(oldest - 1), undefined);
  assert.equal(history.since(300), undefined);
});

test('a hole of the source within what is held is no reason to refuse', () => {
  const history = new History();
  for (const sequence of [10, 11, 15, 16]) history.push(frame(sequence, sequence));
  assert.deepEqual(
    history.since(13)?.map(({ header }) => header.sequence),
    [15, 16],
  );
});

test('no more than 256 events are held', () => {
  const history = new History();
  for (let sequence = 0; sequence < 1_000; sequence++) history.push(frame(sequence, 0, Kind.EVENT));
  assert.equal(history.since(1_000 - HISTORY_EVENTS_MAX)?.length, HISTORY_EVENTS_MAX);
  assert.equal(history.since(999 - HISTORY_EVENTS_MAX), undefined);
});
