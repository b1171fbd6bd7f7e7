// How a listener joins an epoch: the group's frames are kept for viewers who join and who return.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { encodeFrame, FrameFlag, Kind, peekFrame } from '@hayate/protocol';
import { type Envelope, EnvelopeSchema } from '@hayate/protocol/server';
import type { LiveEntry } from '../live/live-entry.ts';
import { LiveEpoch } from './live-epoch.ts';

function entry(sequence: number, options: { previousPlusOne?: number; kind?: number } = {}): LiveEntry {
  const { previousPlusOne = sequence, kind = Kind.AUDIO } = options;
  const flags = kind === Kind.MOTION ? FrameFlag.KEY : 0;
  const frame = encodeFrame({ stream: 's', epoch: 1n, sequence, captureUs: 0, kind, flags, payload: new Uint8Array() });
  return { frame, header: peekFrame(frame), receivedUnixUs: sequence * 20_000, previousPlusOne };
}

const envelope = (content: { generation?: number; incarnation?: bigint; nextSequence?: bigint } = {}): Envelope =>
  create(EnvelopeSchema, { stream: 's', epoch: 1n, generation: 1, incarnation: 7n, ...content });

const sequences = (entries: readonly LiveEntry[] | undefined) => entries?.map(({ header }) => header.sequence);

test('an epoch that is followed from its first frame is complete at once', () => {
  const live = new LiveEpoch(envelope(), entry(0, { kind: Kind.HEADER }), 0);
  assert.equal(live.complete, true);
  live.order.take(entry(0, { kind: Kind.HEADER }), 0);
  assert.deepEqual(sequences(live.release(0).frames), [0]);
  assert.deepEqual(sequences(live.recent.since(0)), [0]);
});

test('the group adds earlier frames: the current group for new viewers, the unbroken run up to now for returning ones', () => {
  const live = new LiveEpoch(envelope(), entry(104, { previousPlusOne: 102 }), 0);
  assert.equal(live.complete, false);
  live.order.take(entry(104, { previousPlusOne: 102 }), 0);
  live.release(0);
  const group = [
    entry(3, { kind: Kind.HEADER }),
    entry(90, { kind: Kind.MOTION }),
    entry(98),
    entry(99),
    entry(101, { previousPlusOne: 100 }),
    entry(104, { previousPlusOne: 102 }),
  ];
  live.takeGroup(group, 0);
  assert.equal(live.complete, true);
  assert.deepEqual(sequences(live.group.entries()), [3, 90]);
  assert.equal(live.recent.reachesFrom, 98);
  assert.deepEqual(sequences(live.recent.since(98)), [98, 99, 101, 104]);
  assert.equal(live.recent.since(97), undefined);
});

test('a group that does not reach up to now gives returning viewers no frames', () => {
  const live = new LiveEpoch(envelope(), entry(104, { previousPlusOne: 104 }), 0);
  live.takeGroup([entry(3, { kind: Kind.HEADER }), entry(101), entry(102)], 0);
  assert.equal(live.recent.reachesFrom, 104);
  assert.deepEqual(sequences(live.group.entries()), [3]);
});

test('a run from the first frame on reaches back to the beginning, and later frames of the group fill gaps', () => {
  const live = new LiveEpoch(envelope(), entry(2), 0);
  live.order.take(entry(2), 0);
  live.order.take(entry(4), 0);
  assert.deepEqual(sequences(live.release(0).frames), [2]);
  live.takeGroup([entry(1, { previousPlusOne: 0 }), entry(2), entry(3), entry(4)], 0);
  assert.deepEqual(sequences(live.release(0).frames), [3, 4]);
  assert.equal(live.recent.reachesFrom, 0);
  assert.deepEqual(sequences(live.recent.since(0)), [1, 2, 3, 4]);
});

test('the newest connection of the broadcaster decides which streamer to ask; an older one is ignored', () => {
  const live = new LiveEpoch<LiveEntry>(envelope({ nextSequence: 5n }), undefined, 0);
  assert.equal(live.hear(envelope({ generation: 2, incarnation: 8n }), 10), true);
  assert.equal(live.hear(envelope({ generation: 1, incarnation: 7n }), 20), false);
  assert.equal(live.incarnation, 8n);
  assert.equal(live.heardMs, 10);
  assert.equal(live.order.nextSequence, 5);
});
