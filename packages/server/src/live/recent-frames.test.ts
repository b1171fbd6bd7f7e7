// The frames that can be replayed: 2 s, 256 events, and never a hole.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeFrame, Kind, peekFrame } from '@hayate/protocol';
import type { LiveEntry } from './live-entry.ts';
import { RECENT_EVENTS_MAX, RECENT_MS, RecentFrames } from './recent-frames.ts';

function frame(sequence: number, receivedMs: number, kind: number = Kind.AUDIO, size = 0): LiveEntry {
  const bytes = encodeFrame({ stream: 's', epoch: 1n, sequence, captureUs: 0, kind, payload: new Uint8Array(size) });
  return { frame: bytes, header: peekFrame(bytes), receivedUnixUs: receivedMs * 1_000, previousPlusOne: sequence };
}

test('frames of the last two seconds are replayed from any sequence among them, older ones are not', () => {
  const recent = new RecentFrames(0);
  for (let sequence = 0; sequence < 300; sequence++) recent.push(frame(sequence, sequence * 10));
  const oldest = 299 - RECENT_MS / 10;
  assert.equal(recent.since(oldest)?.length, RECENT_MS / 10 + 1);
  assert.equal(recent.since(298)?.length, 2);
  assert.equal(recent.since(oldest - 1), undefined);
  assert.deepEqual(recent.since(300), []);
});

test('a hole of the source among the held frames does not prevent a replay', () => {
  const recent = new RecentFrames(0);
  for (const sequence of [10, 11, 15, 16]) recent.push(frame(sequence, sequence));
  assert.deepEqual(
    recent.within({ first: 11, last: 15 }).map(({ header }) => header.sequence),
    [11, 15],
  );
  assert.deepEqual(
    recent.since(13)?.map(({ header }) => header.sequence),
    [15, 16],
  );
});

test('at most 256 events are held', () => {
  const recent = new RecentFrames(0);
  for (let sequence = 0; sequence < 1_000; sequence++) recent.push(frame(sequence, 0, Kind.EVENT));
  assert.equal(recent.since(1_000 - RECENT_EVENTS_MAX)?.length, RECENT_EVENTS_MAX);
  assert.equal(recent.since(999 - RECENT_EVENTS_MAX), undefined);
});

test('no more than 1 MiB is held, however large frames are: each stream of each process costs this much memory', () => {
  const recent = new RecentFrames(0);
  for (let sequence = 0; sequence < 100; sequence++) recent.push(frame(sequence, 0, Kind.AUDIO, 60_000));
  const bytes = recent.frames.reduce((sum, entry) => sum + entry.frame.length, 0);
  assert.ok(bytes <= 2 ** 20 && bytes > 2 ** 20 - 61_000, `${bytes} bytes`);
  assert.equal(recent.frames.at(-1)?.header.sequence, 99);
  assert.equal(recent.since(recent.reachesFrom)?.length, recent.frames.length);
});

test('no more than 4,096 frames are held, however small they are', () => {
  const recent = new RecentFrames(0);
  for (let sequence = 0; sequence < 5_000; sequence++) recent.push(frame(sequence, 0));
  assert.deepEqual([recent.frames.length, recent.reachesFrom], [4_096, 904]);
});
