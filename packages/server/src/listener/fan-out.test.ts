// Fan-out over real sockets, on both of its paths: viewers get the right frames, and every loss is
// counted.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { CloseCodes, encodeFrame, encodeServerFrame, FrameFlag, Kind, peekFrame } from '@hayate/protocol';
import fc from 'fast-check';
import { cleanUp } from '../../../../test/support/clean-up.ts';
import { onBothPaths } from '../../../../test/support/fan-out-path.ts';
import { poll } from '../../../../test/support/poll.ts';
import { tempDir } from '../../../../test/support/temp-dir.ts';
import { connectPeer, type WirePeer } from '../../../../test/support/wire-peer.ts';
import { lanCertificate } from '../gateway/certificate.ts';
import { Connection } from '../gateway/connection.ts';
import { ConnectionMetrics } from '../gateway/connection-metrics.ts';
import { type AcceptSocket, Gateway } from '../gateway/gateway.ts';
import { createContext } from '../kernel/context.ts';
import { CoalesceSchedule } from './coalesce-schedule.ts';
import { FanOut } from './fan-out.ts';
import { FanOutMetrics } from './fan-out-metrics.ts';
import type { Sender } from './fan-out-sender.ts';
import type { Viewer } from './fan-out-viewer.ts';
import { ListenerMetrics } from './listener-metrics.ts';
import { peekReceipt } from './receipt.ts';
import type { QueuedFrame, ViewerQueueLimits } from './viewer-queue.ts';

const EPOCH = 5n;
/** Limits so wide that only the socket holds frames back. */
const wide: ViewerQueueLimits = {
  windowBytes: 2 ** 28,
  windowMs: 1e9,
  audioDeadlineMs: 1e9,
  eventsMax: 1e6,
  receiptTimeoutMs: 1e9,
};

/** The frames of one stream, kept by sequence. */
class Source {
  readonly stream: string;
  readonly frames: QueuedFrame[] = [];
  #key = 0;

  constructor(stream: string) {
    this.stream = stream;
  }

  next(kind: number, bytes: number, key = false): QueuedFrame {
    const sequence = this.frames.length;
    if (key) this.#key = sequence;
    const motion = kind === Kind.MOTION && !key;
    const frame = encodeFrame({
      stream: this.stream,
      epoch: EPOCH,
      sequence,
      captureUs: sequence,
      kind,
      flags: key ? FrameFlag.KEY : 0,
      keySequence: motion ? this.#key : 0,
      payload: new Uint8Array(bytes).fill(sequence % 251),
    });
    const queued = {
      frame,
      header: peekFrame(frame),
      receivedUnixUs: Math.round(performance.now() * 1_000),
      previousPlusOne: sequence,
      message: encodeServerFrame(frame),
    };
    this.frames.push(queued);
    return queued;
  }
}

/** A real gateway with fan-outs that viewers can join. */
async function openDoor(t: TestContext, sender: Sender, limits: ViewerQueueLimits, tls?: { key: string; cert: string }) {
  const context = createContext({ logLevel: 'silent' });
  const connectionMetrics = new ConnectionMetrics(context);
  const schedule = new CoalesceSchedule(context.clock, { coalesceMs: 0, coalesceMaxMs: 0, coalesce: 'busy' });
  const metrics = new FanOutMetrics(context, new ListenerMetrics(context), { sender, schedule });
  const viewers = new Map<WirePeer, Viewer>();
  // Each viewer has its own path, so that the order of connecting does not decide who joins what.
  const endpoints = new Map<string, AcceptSocket>();
  const gateway = await Gateway.listen({
    clock: context.clock,
    host: '127.0.0.1',
    port: 0,
    ...(tls === undefined ? {} : { tls }),
    endpoints,
    request: (_request, response) => response.end(),
    connectionsMax: 1_000,
    handshakeTimeoutMs: 10_000,
    metrics: connectionMetrics,
  });
  cleanUp(t, () => gateway.close());
  const fanOut = () => new FanOut({ clock: context.clock, schedule, sender, limits, metrics });
  const count = async (name: 'offered' | 'sent' | 'dropped') =>
    (await metrics.viewer[name].get()).values.reduce((sum, { value }) => sum + value, 0);
  const total = async (counter: { get(): Promise<{ values: { value: number }[] }> }) =>
    (await counter.get()).values.reduce((sum, { value }) => sum + value, 0);
  return {
    fanOut,
    metrics,
    count,
    falls: () => total(metrics.falls),
    behind: () => total(metrics.behind),
    viewerOf: (peer: WirePeer) => viewers.get(peer),
    /** A viewer that has joined `target`. */
    async join(target: FanOut, greeting: readonly QueuedFrame[] = []): Promise<WirePeer> {
      let viewer: Viewer | undefined;
      const path = `/${endpoints.size}`;
      endpoints.set(path, (socket, netSocket) => {
        const take = (bytes: Uint8Array) => {
          const receipt = peekReceipt(bytes);
          if (receipt !== undefined && viewer !== undefined) target.receipt(viewer, receipt.sequence);
        };
        const timeouts = { handshakeTimeoutMs: 60_000, idleTimeoutMs: 60_000 };
        const rates = { messagesPerSecondMax: 100, bitsPerSecondMax: 256_000, unreadBytesMax: 262_144 };
        const { clock } = context;
        const connection = new Connection(socket, take, {
          ...{ endpoint: 'watch', metrics: connectionMetrics, clock, limits: rates },
          ...timeouts,
        });
        const joined = target.join(connection, netSocket, greeting);
        connection.onClose(() => target.leave(joined));
        viewer = joined;
      });
      const peer = await connectPeer(t, `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${gateway.port}`, path);
      viewers.set(peer, await poll('the viewer to join', () => viewer));
      return peer;
    },
  };
}

const sequences = (peer: WirePeer) => peer.frames().map((frame) => peekFrame(frame).sequence);
const lastOf = (peer: WirePeer) => peer.frames().at(-1);
const gapsOf = (peer: WirePeer) =>
  peer.received.flatMap(({ gaps }) => gaps).map(({ first, last }) => ({ first: Number(first), last: Number(last) }));
const gapSize = (peer: WirePeer) => gapsOf(peer).reduce((sum, { first, last }) => sum + last - first + 1, 0);

/** Asserts that every frame is as its broadcaster encoded it, in order and exactly once. */
function assertIntact(peer: WirePeer, source: Source): void {
  let before = -1;
  for (const frame of peer.frames()) {
    const { sequence, stream } = peekFrame(frame);
    assert.equal(stream, source.stream);
    assert.ok(sequence > before, `${sequence} after ${before}`);
    assert.ok(Buffer.from(frame).equals(source.frames[sequence]?.frame ?? Buffer.alloc(0)), `frame ${sequence}`);
    before = sequence;
  }
}

const receipt = (peer: WirePeer) => {
  const last = lastOf(peer);
  if (last !== undefined && peer.closedWith() === undefined)
    peer.send({ receipt: { epoch: EPOCH, sequence: BigInt(peekFrame(last).sequence) } });
};

test('viewers at the head get each slot of any size as one message, made once for all of them', (t) =>
  onBothPaths(t, async (t, sender) => {
    const door = await openDoor(t, sender, wide);
    const fanOut = door.fanOut();
    const source = new Source('hoshi');
    const viewers = await Promise.all(Array.from({ length: 5 }, () => door.join(fanOut)));
    // The bounds of RFC 6455's three length encodings, reached by the sum of two frames.
    const overhead = new Source('hoshi').next(Kind.AUDIO, 0).message.length;
    let slots = 0;
    for (const target of [125, 126, 65_535, 65_536]) {
      const first = source.next(Kind.AUDIO, 0);
      let second = source.next(Kind.EVENT, target - first.message.length - overhead - 8);
      for (let missing = 1; missing !== 0; ) {
        missing = target - first.message.length - second.message.length;
        source.frames.pop();
        second = source.next(Kind.EVENT, second.header.payloadLength + missing);
      }
      assert.equal(first.message.length + second.message.length, target);
      fanOut.push([first]);
      fanOut.push([second]);
      fanOut.flush();
      slots++;
    }
    for (const viewer of viewers) {
      await poll('all frames', () => viewer.frames().length === source.frames.length);
      assert.equal(viewer.received.length, slots);
      assertIntact(viewer, source);
    }
    assert.deepEqual([await door.count('offered'), await door.count('sent')], [5 * source.frames.length, 5 * source.frames.length]);
    assert.equal(fanOut.behind, 0);
  }));

/** One viewer stops reading until it falls behind, then resumes. */
async function stall(t: TestContext, sender: Sender, tls?: { key: string; cert: string }): Promise<void> {
  const door = await openDoor(t, sender, wide, tls);
  const fanOut = door.fanOut();
  const source = new Source('hoshi');
  const [slow, quick] = [await door.join(fanOut), await door.join(fanOut)];
  slow.pause();
  // No buffer size is a multiple of these sizes, so the kernel takes only part of a write.
  for (let round = 0; (await door.falls()) < 1; round++) {
    assert.ok(round < 20_000, 'the kernel takes everything');
    fanOut.push([source.next(Kind.AUDIO, 30_011), source.next(Kind.MOTION, 50, round % 10 === 0), source.next(Kind.EVENT, 7)]);
    fanOut.flush();
    await poll('the quick viewer', () => quick.frames().length === source.frames.length);
  }
  for (let round = 0; round < 20; round++) fanOut.push([source.next(Kind.MOTION, 50, round % 10 === 0), source.next(Kind.EVENT, 7)]);
  fanOut.flush();
  assert.equal(fanOut.behind, 1);
  slow.resume();
  receipt(quick);
  await poll('the slow viewer to catch up', () => {
    receipt(slow);
    return slow.frames().length + gapSize(slow) >= source.frames.length && fanOut.behind === 0;
  });
  fanOut.push([source.next(Kind.EVENT, 1)]);
  fanOut.flush();
  for (const viewer of [slow, quick]) {
    await poll('the last frame', () => sequences(viewer).at(-1) === source.frames.length - 1);
    assertIntact(viewer, source);
  }
  assert.equal(quick.frames().length, source.frames.length);
  assert.equal(slow.frames().length + gapSize(slow), source.frames.length);
  assert.equal(await door.count('offered'), 2 * source.frames.length);
  assert.equal(await door.count('sent'), slow.frames().length + quick.frames().length);
  assert.equal(await door.count('dropped'), gapSize(slow));
  const events = source.frames.filter(({ header }) => header.kind === Kind.EVENT).length;
  assert.equal(slow.frames().filter((frame) => peekFrame(frame).kind === Kind.EVENT).length, events);
}

test('a viewer that stops reading gets an intact stream afterwards, and another viewer gets every frame meanwhile', (t) =>
  onBothPaths(t, (t, sender) => stall(t, sender)));

test('a viewer that stops reading an encrypted connection gets an intact stream afterwards', (t) =>
  onBothPaths(t, async (t, sender) => stall(t, sender, await lanCertificate(tempDir(t), ['127.0.0.1']))));

test('a viewer that sends no receipts falls behind at the edge of its window, and one that sends them stays at the head', (t) =>
  onBothPaths(t, async (t, sender) => {
    const door = await openDoor(t, sender, { ...wide, windowBytes: 20_000, windowMs: 0 });
    const fanOut = door.fanOut();
    const source = new Source('hoshi');
    const [silent, reporting] = [await door.join(fanOut), await door.join(fanOut)];
    for (let round = 0; round < 60; round++) {
      fanOut.push([source.next(Kind.EVENT, 1_000)]);
      fanOut.flush();
      await poll('the frame', () => reporting.frames().length === source.frames.length);
      receipt(reporting);
      const { sequence } = peekFrame(lastOf(reporting) ?? new Uint8Array());
      await poll('the receipt', () => door.viewerOf(reporting)?.receipted === sequence);
    }
    assert.equal(fanOut.behind, 1);
    const bytes = silent.frames().reduce((sum, frame) => sum + encodeServerFrame(frame).length, 0);
    assert.ok(bytes <= 20_000 && bytes > 18_000, `${bytes} bytes went to the silent one`);
    await poll('the silent viewer to report and catch up', () => {
      receipt(silent);
      return fanOut.behind === 0;
    });
    assert.deepEqual(sequences(silent), sequences(reporting));
    assert.equal(await door.count('dropped'), 0);
  }));

test('a viewer that joins between two slots gets its greeting and the frames after it; one that left is offered no more frames', (t) =>
  onBothPaths(t, async (t, sender) => {
    const door = await openDoor(t, sender, wide);
    const fanOut = door.fanOut();
    const source = new Source('hoshi');
    const first = await door.join(fanOut);
    fanOut.push([source.next(Kind.HEADER, 10), source.next(Kind.MOTION, 10, true), source.next(Kind.MOTION, 10)]);
    const second = await door.join(fanOut, source.frames.slice(0, 2));
    fanOut.push([source.next(Kind.MOTION, 10), source.next(Kind.AUDIO, 10)]);
    await poll('the second viewer', () => second.frames().length === 4);
    assert.deepEqual(sequences(second), [0, 1, 3, 4]);
    const offered = await door.count('offered');
    assert.equal(offered, 5 + 4);
    second.cut();
    await poll('the second viewer to leave', () => fanOut.size === 1);
    fanOut.push([source.next(Kind.AUDIO, 10)]);
    await poll('the first viewer', () => first.frames().length === 6);
    assert.equal(await door.count('offered'), offered + 1);
    assertIntact(first, source);
  }));

test('a greeting counts as on its way until it is reported, so that a joiner on a slow line does not get the live rate at once', (t) =>
  onBothPaths(t, async (t, sender) => {
    const door = await openDoor(t, sender, wide);
    const fanOut = door.fanOut();
    const source = new Source('hoshi');
    const greeting = [source.next(Kind.HEADER, 10), source.next(Kind.MOTION, 10, true)];
    const peer = await door.join(fanOut, greeting);
    await poll('the greeting', () => peer.frames().length === 2);
    fanOut.push([source.next(Kind.EVENT, 10)]);
    await poll('the next frame', () => peer.frames().length === 3);
    assert.deepEqual([fanOut.behind, fanOut.waiting], [1, 0]);
    receipt(peer);
    await poll('the viewer to catch up', () => fanOut.behind === 0);
  }));

test('the bytes counted as sent are those that viewers received, at the head and behind it', (t) =>
  onBothPaths(t, async (t, sender) => {
    const door = await openDoor(t, sender, wide);
    const fanOut = door.fanOut();
    const source = new Source('hoshi');
    const peers = [await door.join(fanOut), await door.join(fanOut)];
    fanOut.push([source.next(Kind.EVENT, 1_000), source.next(Kind.EVENT, 500)]);
    await poll('both frames at both viewers', () => peers.every((peer) => peer.frames().length === 2));
    const late = await door.join(fanOut, source.frames.slice());
    await poll('the frames at the late viewer', () => late.frames().length === 2);
    const bytes = source.frames.reduce((sum, { message }) => sum + message.length, 0);
    const { values } = await door.metrics.viewer.sentBytes.get();
    assert.equal(
      values.reduce((sum, { value }) => sum + value, 0),
      3 * bytes,
    );
  }));

test('a viewer that owes a receipt is asked for it, and is given up only if it never answers', (t) =>
  onBothPaths(t, async (t, sender) => {
    const door = await openDoor(t, sender, { ...wide, receiptTimeoutMs: 1e7 });
    const fanOut = door.fanOut();
    const source = new Source('hoshi');
    const [silent, reporting] = [await door.join(fanOut), await door.join(fanOut)];
    fanOut.push([source.next(Kind.EVENT, 10)]);
    await poll('the frame', () => [silent, reporting].every((peer) => peer.frames().length === 1));
    receipt(reporting);
    await poll('the receipt', () => door.viewerOf(reporting)?.receipted === 0);
    const startMs = performance.now();
    const questions = (peer: WirePeer) => peer.received.filter(({ frames, gaps }) => frames.length + gaps.length === 0).length;
    fanOut.tick(startMs + 1e6);
    fanOut.tick(startMs + 4e6);
    fanOut.tick(startMs + 5e6);
    fanOut.tick(startMs + 8e6);
    await poll('two questions', () => questions(silent) === 2);
    assert.equal(silent.closedWith(), undefined);
    fanOut.tick(startMs + 2e7);
    assert.equal((await silent.closed()).code, CloseCodes.RECEIPT_TIMEOUT.code);
    assert.deepEqual([questions(silent), questions(reporting), reporting.closedWith()], [2, 0, undefined]);
  }));

test('while viewers of two streams join and leave, no viewer gets bytes of the other stream', (t) =>
  onBothPaths(t, async (t, sender) => {
    const door = await openDoor(t, sender, wide);
    const streams = ['hoshi', 'tsuki'].map((name) => ({ source: new Source(name), fanOut: door.fanOut() }));
    const broadcast = setInterval(() => {
      for (const { source, fanOut } of streams) {
        fanOut.push([source.next(Kind.EVENT, 3_000)]);
        fanOut.flush();
      }
    }, 1);
    cleanUp(t, () => clearInterval(broadcast));
    const come = async (turn: number) => {
      const { source, fanOut } = streams[turn % 2] ?? assert.fail();
      const peer = await door.join(fanOut);
      await poll('some frames', () => peer.frames().length >= 3);
      // Every third peer is cut without a close frame, just before its descriptor is used.
      if (turn % 3 === 0) peer.cut();
      else peer.close();
      await peer.closed();
      const got = sequences(peer);
      assertIntact(peer, source);
      assert.equal((got.at(-1) ?? 0) - (got[0] ?? 0), got.length - 1, 'without holes');
    };
    for (let turn = 0; turn < 240; turn += 12) await Promise.all(Array.from({ length: 12 }, (_, i) => come(turn + i)));
    clearInterval(broadcast);
    for (const { fanOut } of streams) await poll('all to leave', () => fanOut.size === 0);
    assert.equal(await door.count('offered'), (await door.count('sent')) + (await door.count('dropped')));
  }));

test('for any stalls: offered = sent + dropped + waiting, and each viewer receives all sent frames and a gap for the rest', (t) =>
  onBothPaths(t, async (t, sender) => {
    const seed = Number(process.env.HAYATE_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
    t.diagnostic(`HAYATE_TEST_SEED=${seed}`);
    const limits = { windowBytes: 120_000, windowMs: 20, audioDeadlineMs: 30, eventsMax: 1e6, receiptTimeoutMs: 1e9 };
    const door = await openDoor(t, sender, limits);
    const fanOut = door.fanOut();
    const source = new Source('hoshi');
    const viewers = await Promise.all(Array.from({ length: 6 }, () => door.join(fanOut)));
    const action = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          frames: fc.array(fc.tuple(fc.constantFrom(Kind.AUDIO, Kind.MOTION, Kind.EVENT), fc.nat(9_000)), { minLength: 1, maxLength: 8 }),
        }),
      },
      { weight: 2, arbitrary: fc.record({ pause: fc.nat(5) }) },
      { weight: 2, arbitrary: fc.record({ resume: fc.nat(5) }) },
      { weight: 3, arbitrary: fc.record({ report: fc.nat(5) }) },
      { weight: 1, arbitrary: fc.constant({ tick: true }) },
    );
    const [actions = []] = fc.sample(fc.array(action, { minLength: 600, maxLength: 600, size: 'max' }), { seed, numRuns: 1 });
    for (const one of actions) {
      if ('frames' in one) {
        fanOut.push(one.frames.map(([kind, bytes]) => source.next(kind, bytes, kind === Kind.MOTION && source.frames.length % 7 === 0)));
        fanOut.flush();
        assert.equal(await door.count('offered'), viewers.length * source.frames.length);
        assert.equal((await door.count('sent')) + (await door.count('dropped')) + fanOut.waiting, await door.count('offered'));
      } else if ('pause' in one) viewers[one.pause]?.pause();
      else if ('resume' in one) viewers[one.resume]?.resume();
      else if ('report' in one) receipt(viewers[one.report] ?? assert.fail());
      else fanOut.tick(performance.now());
    }
    for (const viewer of viewers) viewer.resume();
    await poll('all to catch up', () => {
      viewers.forEach(receipt);
      fanOut.tick(performance.now());
      return fanOut.behind === 0;
    });
    const received = viewers.map((viewer) => viewer.frames().length);
    for (const viewer of viewers) {
      await poll('the frames that are in flight', () => viewer.frames().length + gapSize(viewer) === source.frames.length);
      assertIntact(viewer, source);
    }
    assert.ok(received.length === 6 && (await door.falls()) > 0 && (await door.count('dropped')) > 0, 'at least one viewer was slow');
    assert.equal(
      await door.count('sent'),
      viewers.reduce((sum, viewer) => sum + viewer.frames().length, 0),
    );
    assert.equal(
      await door.count('dropped'),
      viewers.reduce((sum, viewer) => sum + gapSize(viewer), 0),
    );
  }));
