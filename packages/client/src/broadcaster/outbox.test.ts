import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Kind } from '@hayate/protocol';
import fc from 'fast-check';
import type { ClientMessageInput } from '../connection/socket.ts';
import { Outbox } from './outbox.ts';
import { countName, noFrames } from './unacknowledged-queue.ts';
import { Uplink } from './uplink.ts';

const idle = { bufferedBytes: 0, unansweredMs: 0, shortestRoundTripMs: 10 };

/** An outbox whose frames carry their sequence, and a server that stores the frames it receives. */
function model(limits = { maxAgeMs: 30_000, eventsMax: 4_096, bytesMax: 1 << 24 }) {
  const state = { nowMs: 0, socket: { ...idle }, sent: [] as ClientMessageInput[], dropped: noFrames() };
  const uplink = new Uplink();
  const outbox = new Outbox({
    limits,
    uplink,
    nowMs: () => state.nowMs,
    readSocket: () => state.socket,
    send: (message) => {
      state.sent.push(message);
      return 100 * (message.frames?.length ?? 1);
    },
    onDropped: (counts) => {
      for (const kind of ['audio', 'motion'] as const) state.dropped[kind] += counts[kind];
    },
  });
  const push = (kind: number, size = 100) => {
    const bytes = new Uint8Array(size);
    new DataView(bytes.buffer).setUint32(0, outbox.nextSequence);
    outbox.push({ kind, bytes, ...(kind === Kind.EVENT ? { event: { case: 'custom', value: {} } } : {}) });
  };
  const sequencesSent = () => state.sent.flatMap(({ frames = [] }) => frames.map(sequenceOf));
  return { outbox, state, uplink, push, sequencesSent };
}

const sequenceOf = (bytes: Uint8Array) => new DataView(bytes.buffer).getUint32(0);

test('holds voice back while the socket is congested, then sends it together in order', () => {
  const { outbox, state, push } = model();
  outbox.connect(0);
  push(Kind.AUDIO);
  outbox.flush();
  state.socket.bufferedBytes = 20_000;
  assert.equal(outbox.congested, true);
  for (let i = 0; i < 10; i++) {
    state.nowMs += 20;
    push(Kind.AUDIO);
    outbox.flush();
  }
  assert.equal(state.sent.length, 1);
  state.socket.bufferedBytes = 0;
  outbox.flush();
  assert.equal(state.sent.length, 2);
  assert.deepEqual(state.sent[1]?.frames?.map(sequenceOf), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test('a late answer to a ping also counts as congestion: bytes can wait where the socket does not show them', () => {
  const { outbox, state } = model();
  outbox.connect(0);
  state.socket.unansweredMs = 300;
  assert.equal(outbox.congested, false);
  state.socket.unansweredMs = 500;
  assert.equal(outbox.congested, true);
});

test('drops voice and poses older than 30 s, never events, and declares them until they are acknowledged', () => {
  const { outbox, state, push } = model();
  outbox.connect(0);
  for (const kind of [Kind.HEADER, Kind.AUDIO, Kind.EVENT, Kind.MOTION, Kind.AUDIO]) push(kind);
  state.nowMs = 29_000;
  push(Kind.AUDIO);
  state.nowMs = 30_001;
  outbox.flush();
  assert.deepEqual(state.dropped, { header: 0, audio: 2, motion: 1, event: 0 });
  const declared = (message: ClientMessageInput | undefined) => message?.dropped?.map(({ first, last }) => [Number(first), Number(last)]);
  assert.deepEqual(declared(state.sent[0]), [
    [1, 1],
    [3, 4],
  ]);
  assert.equal(outbox.queue.get(2)?.event?.case, 'custom');
  outbox.queue.acknowledge(2);
  outbox.disconnect();
  outbox.connect(2);
  state.sent.length = 0;
  outbox.flush();
  assert.deepEqual(declared(state.sent[0]), [[3, 4]]);
  assert.equal(outbox.queue.frames, 2);
});

test('after the log refused frames, declares their dropped ranges again and sends the frames again', () => {
  const { outbox, state, push, sequencesSent } = model();
  outbox.connect(0);
  for (let i = 0; i < 3; i++) push(Kind.AUDIO);
  state.nowMs = 30_001;
  outbox.flush();
  push(Kind.AUDIO);
  outbox.flush();
  state.sent.length = 0;
  outbox.resend(0);
  state.nowMs += 50;
  outbox.flush();
  assert.deepEqual(
    state.sent.flatMap(({ dropped = [] }) => dropped),
    [{ first: 0n, last: 2n }],
  );
  assert.deepEqual(sequencesSent(), [3]);
});

test('declares each dropped range once on a connection, even when more follow', () => {
  const { outbox, state, push } = model();
  outbox.connect(0);
  for (let i = 0; i < 4; i++) {
    push(Kind.AUDIO);
    state.nowMs += 20;
  }
  state.nowMs = 30_001;
  outbox.flush();
  state.nowMs = 30_021;
  outbox.flush();
  outbox.flush();
  assert.deepEqual(
    state.sent.flatMap(({ dropped = [] }) => dropped),
    [
      { first: 0n, last: 0n },
      { first: 1n, last: 1n },
    ],
  );
});

test('declares frames that a successor server waits for if they were acknowledged and have been freed', () => {
  const { outbox, state, push } = model();
  outbox.connect(0);
  for (let i = 0; i < 3; i++) push(Kind.AUDIO);
  outbox.flush();
  outbox.queue.acknowledge(3);
  outbox.disconnect();
  // Its ticket does not cover them. They must be sent again, but the uplink has no room until they
  // are too old.
  outbox.connect(0);
  state.socket.bufferedBytes = 50_000;
  state.nowMs = 30_001;
  outbox.flush();
  assert.deepEqual(state.sent.at(-1)?.dropped, [{ first: 0n, last: 2n }]);
  assert.deepEqual(state.dropped, noFrames());
  assert.equal(outbox.queue.frames, 0);
});

test('keeps acknowledged frames until a ticket covers them, because a server that restarts knows only its ticket', () => {
  const { outbox, push, sequencesSent, state } = model();
  outbox.connect(0);
  for (let i = 0; i < 5; i++) push(Kind.AUDIO);
  outbox.flush();
  outbox.queue.acknowledge(5);
  outbox.queue.release(3);
  assert.equal(outbox.queue.frames, 0);
  state.sent.length = 0;
  outbox.connect(3);
  outbox.flush();
  assert.deepEqual(sequencesSent(), [3, 4]);
});

test('resends take at most half of the estimated capacity of the uplink', () => {
  const { outbox, state, push } = model();
  for (let i = 0; i < 2_000; i++) push(Kind.AUDIO);
  state.nowMs = 5_000;
  outbox.connect(0);
  // 256 kbit/s at first, so 16,000 bytes a second for resends; no growth, because the next
  // reading counts after 250 ms.
  outbox.flush();
  state.nowMs += 200;
  outbox.flush();
  const bytes = state.sent.reduce((sum, { frames = [] }) => sum + frames.length * 100, 0);
  assert.ok(bytes >= 3_000 && bytes <= 3_200 + 4_200, `${bytes} bytes in 200 ms`);
});

test('new and resent frames together stay below the frames a second that the server allows', () => {
  const { outbox, state, uplink, push, sequencesSent } = model();
  uplink.limitFramesPerSecond = 100;
  for (let i = 0; i < 2_000; i++) push(Kind.AUDIO, 10);
  state.nowMs = 5_000;
  outbox.connect(0);
  for (let turn = 0; turn < 200; turn++) {
    state.nowMs += 50;
    if (turn % 2 === 0) push(Kind.AUDIO, 10);
    outbox.flush();
  }
  // 10 s of 90 frames, and one message more: 4 KiB of small frames.
  const sent = sequencesSent().length;
  assert.ok(sent > 200 && sent < 900 + 410, `${sent} frames in 10 s`);
  assert.ok(sequencesSent().filter((sequence) => sequence >= 2_000).length === 100, 'a new frame waited');
});

test('no frame is sent again while 64 KiB of resent frames are unacknowledged, and a RESEND resets that count', () => {
  const { outbox, state, push, sequencesSent } = model();
  for (let i = 0; i < 400; i++) push(Kind.AUDIO, 1_000);
  state.nowMs = 5_000;
  outbox.connect(0);
  /** Sends all that may be sent; returns how many frames have been sent so far. */
  const settle = () => {
    for (let turn = 0; turn < 200; turn++) {
      state.nowMs += 50;
      outbox.flush();
    }
    return sequencesSent().length;
  };
  const first = settle();
  assert.ok(first * 1_000 >= 65_536 && first * 1_000 < 65_536 + 5_000, `${first} frames`);
  outbox.queue.acknowledge(10);
  const second = settle();
  assert.ok(second >= first + 5 && second <= first + 15, `${second - first} frames for 10 acknowledged`);
  outbox.resend(10);
  const third = settle();
  assert.deepEqual(sequencesSent()[second], 10);
  assert.ok((third - second) * 1_000 >= 65_536, `${third - second} frames after RESEND`);
});

test('with any loss, refusal or congestion, every sequence ends up at the server or declared dropped', () => {
  const step = fc.oneof(
    { weight: 12, arbitrary: fc.record({ push: fc.constantFrom(Kind.AUDIO, Kind.MOTION, Kind.EVENT), waitMs: fc.nat(400) }) },
    { weight: 1, arbitrary: fc.record({ breakFor: fc.nat(40_000) }) },
    { weight: 1, arbitrary: fc.record({ buffered: fc.constantFrom(0, 50_000), waitMs: fc.nat(4_000) }) },
    { weight: 1, arbitrary: fc.record({ refuse: fc.nat(20) }) },
    { weight: 1, arbitrary: fc.record({ takenOverAfter: fc.nat(40_000) }) },
    { weight: 2, arbitrary: fc.record({ ticket: fc.boolean() }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { outbox, state, push } = model({ maxAgeMs: 30_000, eventsMax: 4_096, bytesMax: 1 << 20 });
      const stored = new Set<number>();
      let read = 0;
      let connected = true;
      let vouched = 0;
      const next = () => {
        let n = 0;
        while (stored.has(n)) n++;
        return n;
      };
      const deliver = () => {
        outbox.flush();
        for (const { frames = [], dropped = [] } of state.sent.slice(read)) {
          for (const frame of frames) stored.add(sequenceOf(frame));
          for (const { first, last } of dropped) for (let n = Number(first); n <= Number(last); n++) stored.add(n);
        }
        read = state.sent.length;
      };
      const pushed = noFrames();
      outbox.connect(0);
      for (const one of steps) {
        if ('push' in one) {
          state.nowMs += one.waitMs;
          push(one.push);
          pushed[countName(one.push)]++;
        } else if ('breakFor' in one) {
          // Frames that the socket had accepted but not delivered are lost.
          outbox.disconnect();
          state.nowMs += one.breakFor;
          connected = false;
        } else if ('buffered' in one) {
          state.socket.bufferedBytes = one.buffered;
          state.nowMs += one.waitMs;
        } else if ('refuse' in one) {
          const from = next();
          for (const n of [...stored]) if (n >= from + one.refuse) stored.delete(n);
          outbox.resend(next());
        } else if ('takenOverAfter' in one) {
          // The successor server knows only the newest ticket.
          outbox.disconnect();
          state.nowMs += one.takenOverAfter;
          for (const n of [...stored]) if (n >= vouched) stored.delete(n);
          connected = false;
        } else {
          outbox.queue.acknowledge(next());
          if (one.ticket) {
            vouched = next();
            outbox.queue.release(vouched);
          }
        }
        if (!connected) {
          outbox.flush();
          // A welcome is also an acknowledgement.
          outbox.connect(next());
          outbox.queue.acknowledge(next());
          connected = true;
        }
        deliver();
      }
      state.socket.bufferedBytes = 0;
      outbox.finish();
      for (let i = 0; i < 10_000 && (next() < outbox.nextSequence || state.sent.at(-1)?.end === undefined); i++) {
        state.nowMs += 50;
        deliver();
      }
      assert.equal(next(), outbox.nextSequence);
      outbox.queue.acknowledge(next());
      deliver();
      assert.deepEqual(state.sent.at(-1)?.end, { nextSequence: BigInt(outbox.nextSequence) });
      assert.deepEqual([outbox.queue.frames, outbox.queue.bytes, outbox.queue.dropped.size], [0, 0, 0]);
    }),
    { numRuns: 200 },
  );
});
