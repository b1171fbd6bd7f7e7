// The guarantees of a viewer's queue: exact counts, bounded delay, no lost events.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeFrame, encodeServerFrame, FrameFlag, Kind, peekFrame } from '@hayate/protocol';
import fc from 'fast-check';
import { trackOf } from '../live/current-group.ts';
import { type DropReason, type QueuedFrame, ViewerQueue, type ViewerQueueLimits } from './viewer-queue.ts';

const limits: ViewerQueueLimits = { windowBytes: 3_000, windowMs: 100, audioDeadlineMs: 1_000, eventsMax: 20, receiptTimeoutMs: 10_000 };

interface Fields {
  sequence: number;
  kind: number;
  key?: boolean;
  keySequence?: number;
  participant?: number;
  bytes?: number;
}

function frameAt(receivedMs: number, { sequence, kind, key = false, keySequence = 0, participant = 0, bytes = 100 }: Fields): QueuedFrame {
  const frame = encodeFrame({
    stream: 's',
    epoch: 1n,
    sequence,
    captureUs: 0,
    kind,
    flags: key ? FrameFlag.KEY : 0,
    keySequence: key ? 0 : keySequence,
    participant,
    payload: new Uint8Array(bytes),
  });
  return { frame, header: peekFrame(frame), receivedUnixUs: receivedMs * 1_000, previousPlusOne: 0, message: encodeServerFrame(frame) };
}

function queueWithNotes(nowMs = 0, over: Partial<ViewerQueueLimits> = {}) {
  const sent: QueuedFrame[] = [];
  const gaps = new Set<number>();
  const dropped: Partial<Record<DropReason, number>> = {};
  const socket = { ready: true };
  const queue = new ViewerQueue(
    {
      limits: { ...limits, ...over },
      ready: () => socket.ready,
      send: (frames, ranges) => {
        sent.push(...frames);
        for (const { first, last } of ranges) for (let sequence = first; sequence <= last; sequence++) gaps.add(sequence);
      },
      onDrop: (reason, frames) => {
        dropped[reason] = (dropped[reason] ?? 0) + frames;
      },
    },
    { out: [], keys: new Map(), heardMs: nowMs },
  );
  const total = () => Object.values(dropped).reduce((sum, count) => sum + count, 0);
  return { queue, sent, gaps, dropped, total, socket };
}

test('a viewer that reports gets everything at once', () => {
  const { queue, sent, total } = queueWithNotes();
  for (let sequence = 0; sequence < 500; sequence++) {
    queue.push([frameAt(sequence * 10, { sequence, kind: Kind.AUDIO })], sequence * 10);
    if (sequence % 5 === 0) queue.receipt(sequence, sequence * 10);
  }
  assert.equal(sent.length, 500);
  assert.equal(total(), 0);
});

test('at most the larger of the byte window and the time window is sent beyond the last receipt', () => {
  const byBytes = queueWithNotes();
  for (let sequence = 0; sequence < 100; sequence++)
    byBytes.queue.push([frameAt(sequence * 20, { sequence, kind: Kind.AUDIO })], sequence * 20);
  const bytes = byBytes.sent.reduce((sum, { message }) => sum + message.length, 0);
  assert.ok(bytes <= limits.windowBytes && bytes > limits.windowBytes - 200, `${bytes} bytes are out`);
  const byTime = queueWithNotes();
  for (let sequence = 0; sequence < 100; sequence++)
    byTime.queue.push([frameAt(sequence, { sequence, kind: Kind.AUDIO, bytes: 1_000 })], sequence);
  assert.equal(byTime.sent.length, 100, 'all lie within the time window');
});

test('audio past its deadline is dropped oldest first, and a gap names the sequences', () => {
  const { queue, sent, gaps, dropped } = queueWithNotes();
  for (let sequence = 0; sequence < 200; sequence++) queue.push([frameAt(sequence * 20, { sequence, kind: Kind.AUDIO })], sequence * 20);
  const out = sent.length;
  queue.receipt(out - 1, 4_000);
  assert.equal(dropped.audio_deadline, gaps.size);
  assert.deepEqual(
    [...gaps],
    Array.from({ length: gaps.size }, (_, i) => out + i),
  );
  assert.equal(sent[out]?.header.sequence, out + gaps.size);
  assert.ok(4_000 - (sent[out]?.receivedUnixUs ?? 0) / 1_000 <= limits.audioDeadlineMs);
});

test('the newest key and the newest delta over it remain of waiting motion, for each participant', () => {
  const { queue, sent } = queueWithNotes(0, { windowBytes: 0, windowMs: 0 });
  queue.push([frameAt(0, { sequence: 0, kind: Kind.EVENT })], 0);
  let sequence = 1;
  for (let round = 0; round < 3; round++) {
    for (const participant of [0, 1]) {
      const keySequence = sequence;
      queue.push([frameAt(sequence, { sequence: sequence++, kind: Kind.MOTION, key: true, participant })], sequence);
      for (let i = 0; i < 4; i++)
        queue.push([frameAt(sequence, { sequence: sequence++, kind: Kind.MOTION, keySequence, participant })], sequence);
    }
  }
  assert.equal(queue.length, 4);
  for (let i = 0; i < 5; i++) queue.receipt(sequence, sequence);
  assert.deepEqual(
    sent.slice(1).map(({ header }) => [header.participant, header.flags, header.sequence]),
    [
      [0, 1, 21],
      [0, 0, 25],
      [1, 1, 26],
      [1, 0, 30],
    ],
  );
});

test('a burst of poses is sent in full to a viewer whose window is open', () => {
  const { queue, sent, total } = queueWithNotes();
  queue.push(
    [
      frameAt(0, { sequence: 0, kind: Kind.MOTION, key: true }),
      ...Array.from({ length: 10 }, (_, i) => frameAt(i, { sequence: i + 1, kind: Kind.MOTION, keySequence: 0 })),
    ],
    0,
  );
  assert.equal(sent.length, 11);
  assert.equal(total(), 0);
});

test('a delta whose key was never sent to the viewer is dropped and counted', () => {
  const { queue, sent, dropped } = queueWithNotes();
  queue.push([frameAt(0, { sequence: 5, kind: Kind.MOTION, keySequence: 3 }), frameAt(0, { sequence: 6, kind: Kind.AUDIO })], 0);
  assert.deepEqual(
    sent.map(({ header }) => header.sequence),
    [6],
  );
  assert.equal(dropped.key_missing, 1);
});

test('events are never dropped; a viewer with more waiting events than the bound is too slow', () => {
  const { queue, total } = queueWithNotes(0, { windowBytes: 0, windowMs: 0 });
  queue.push([frameAt(0, { sequence: 0, kind: Kind.AUDIO })], 0);
  for (let sequence = 1; sequence <= limits.eventsMax; sequence++)
    assert.equal(queue.push([frameAt(sequence, { sequence, kind: Kind.EVENT })], 100_000), 'ok');
  assert.equal(queue.push([frameAt(0, { sequence: 99, kind: 64 })], 200_000), 'too_slow');
  assert.equal(total(), 0);
});

test('a viewer is overdue only if it has sent frames unreported for longer than the time limit', () => {
  const { queue } = queueWithNotes();
  assert.equal(queue.unreportedMs(1e9), 0);
  queue.push([frameAt(0, { sequence: 0, kind: Kind.AUDIO })], 50_000);
  assert.ok(queue.unreportedMs(60_000) <= limits.receiptTimeoutMs);
  assert.ok(queue.unreportedMs(60_001) > limits.receiptTimeoutMs);
  queue.receipt(0, 60_001);
  assert.equal(queue.unreportedMs(1e9), 0);
});

test('for any frames and receipts: pushed = sent + dropped + waiting, sequences rise, all events arrive, gaps name the dropped frames', () => {
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constantFrom(Kind.AUDIO, Kind.MOTION, Kind.GAME),
        key: fc.boolean(),
        participant: fc.nat(1),
        bytes: fc.nat(400),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constantFrom(Kind.EVENT, Kind.HEADER, 64),
        key: fc.constant(false),
        participant: fc.nat(1),
        bytes: fc.nat(400),
      }),
    },
    { weight: 2, arbitrary: fc.record({ receipt: fc.nat(100) }) },
    { weight: 1, arbitrary: fc.record({ ready: fc.boolean() }) },
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(300), step), { maxLength: 150 }), (steps) => {
      const { queue, sent, gaps, total, socket } = queueWithNotes(0, { eventsMax: 1_000 });
      const keys = new Map<string, number>();
      const events: number[] = [];
      let sequence = 0;
      let nowMs = 0;
      for (const [afterMs, what] of steps) {
        nowMs += afterMs;
        if ('ready' in what) socket.ready = what.ready;
        else if ('receipt' in what) queue.receipt(Math.floor((sequence * what.receipt) / 100), nowMs);
        else {
          const track = `${what.kind} ${what.participant}`;
          if (what.key) keys.set(track, sequence);
          if (what.kind !== Kind.AUDIO && what.kind !== Kind.MOTION && what.kind !== Kind.GAME) events.push(sequence);
          queue.push([frameAt(nowMs, { ...what, sequence, keySequence: keys.get(track) ?? 0 })], nowMs);
          sequence++;
        }
        assert.equal(sent.length + total() + queue.length, sequence);
      }
      socket.ready = true;
      while (queue.length > 0) queue.receipt(sequence, nowMs);
      for (const { first, last } of queue.takeDropped()) for (let number = first; number <= last; number++) gaps.add(number);
      assert.equal(gaps.size, total());
      assert.equal(sent.length + total(), sequence);
      const order = sent.map(({ header }) => header.sequence);
      assert.deepEqual(
        order,
        order.toSorted((a, b) => a - b),
      );
      assert.deepEqual(
        order.filter((number) => events.includes(number)),
        events,
      );
      for (const number of order) assert.equal(gaps.has(number), false);
      queue.close();
    }),
  );
});

test('frames that wait when a viewer leaves are counted', () => {
  const { queue, dropped, sent } = queueWithNotes(0, { windowBytes: 0, windowMs: 0 });
  for (let sequence = 0; sequence < 10; sequence++) queue.push([frameAt(sequence, { sequence, kind: Kind.EVENT })], 0);
  queue.close();
  assert.equal(sent.length, 1);
  assert.equal(dropped.closed, 9);
  queue.close();
  assert.deepEqual([queue.length, dropped.closed], [0, 9], 'each is counted once');
});

test('no frame is written while the socket has bytes pending, even if the window admits it', () => {
  const { queue, sent, socket } = queueWithNotes();
  socket.ready = false;
  for (let sequence = 0; sequence < 5; sequence++) queue.push([frameAt(0, { sequence, kind: Kind.EVENT })], 0);
  queue.receipt(0, 0);
  assert.equal(sent.length, 0);
  socket.ready = true;
  queue.drain(0);
  assert.equal(sent.length, 5);
});

test('a queue begins with the frames sent to its viewer before: unreported ones count, and their keys serve deltas', () => {
  const sent: number[] = [];
  const queue = new ViewerQueue(
    {
      limits: { ...limits, windowMs: 0 },
      ready: () => true,
      send: (frames) => sent.push(...frames.map(({ header }) => header.sequence)),
      onDrop: assert.fail,
    },
    {
      out: [{ sequence: 6, bytes: limits.windowBytes, receivedUnixUs: 0 }],
      keys: new Map([[trackOf(frameAt(0, { sequence: 4, kind: Kind.MOTION }).header), 4]]),
      heardMs: 0,
    },
  );
  queue.push([frameAt(1, { sequence: 7, kind: Kind.MOTION, keySequence: 4 })], 1);
  assert.deepEqual(sent, []);
  assert.ok(queue.unreportedMs(limits.receiptTimeoutMs + 1) > limits.receiptTimeoutMs);
  queue.receipt(6, 1);
  assert.deepEqual(sent, [7]);
});
