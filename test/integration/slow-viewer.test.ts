// A slow viewer never slows another one and is itself never far behind; nothing is dropped without
// being counted.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { CloseCodes, GapReason, Kind, PATHS, peekFrame } from '@hayate/protocol';
import { onBothPaths } from '../support/fan-out-path.ts';
import { poll } from '../support/poll.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { connectPeer, FrameSource } from '../support/wire-peer.ts';

/** A viewer and a broadcaster of one stream. */
async function pair(t: TestContext, server: TestServer) {
  const token = await server.token({ publish: ['*'], watch: ['*'] });
  const viewer = await connectPeer(t, server.url, PATHS.watch);
  viewer.send({ watch: { stream: 'hoshi', token } });
  await viewer.until('Watching', ({ watching }) => watching);
  const peer = await connectPeer(t, server.url, PATHS.publish);
  peer.send({ publish: { stream: 'hoshi', token } });
  const { epoch } = await peer.until('Published', ({ published }) => published);
  return { viewer, peer, epoch, token, source: new FrameSource('hoshi', epoch) };
}

test('a viewer that stops reading loses old audio and motion and no events, while another gets every frame; received + counted = sent', (t) =>
  onBothPaths(t, async (t, sender, flags) => {
    const server = await startTestServer(t, [
      ...flags,
      '--window-bytes',
      '16384',
      '--window-ms',
      '100ms',
      '--audio-deadline-ms',
      '200ms',
      '--bits-per-second-max',
      '100000000',
      '--frames-per-second-max',
      '100000',
    ]);
    const { viewer: quick, peer, epoch, token, source } = await pair(t, server);
    const slow = await connectPeer(t, server.url, PATHS.watch);
    slow.send({ watch: { stream: 'hoshi', token } });
    await slow.until('Watching', ({ watching }) => watching);
    const receipt = (viewer: typeof quick) => {
      const last = viewer.frames().at(-1);
      if (last !== undefined) viewer.send({ receipt: { epoch, sequence: BigInt(peekFrame(last).sequence) } });
    };
    slow.pause();
    const sent = [source.header('Hello')];
    peer.send({ frames: sent });
    const dropped = () => server.metric('hayate_listener_viewer_frames_dropped_total');
    // Sends until both reasons have been seen, and some more.
    for (let round = 0; round < 400; round++) {
      const frames = [source.key(), source.delta(), source.audio(1_000), ...(round % 10 === 0 ? [source.event()] : [])];
      sent.push(...frames);
      peer.send({ frames });
      await poll('the quick viewer', () => quick.frames().length >= sent.length);
      receipt(quick);
      if (round > 60 && (await dropped()) > 60) break;
    }
    assert.deepEqual(new Set(quick.frames().map((frame) => peekFrame(frame).sequence)).size, quick.frames().length);
    slow.resume();
    const offered = sent.length;
    await poll('the slow viewer to catch up', async () => {
      receipt(slow);
      return slow.frames().length + (await dropped()) >= offered;
    });
    assert.equal(slow.frames().length + (await dropped()), offered);
    assert.equal(await server.metric('hayate_listener_viewer_frames_total'), 2 * offered);
    assert.equal(await server.metric('hayate_listener_viewer_frames_sent_total'), quick.frames().length + slow.frames().length);
    const events = (frames: readonly Uint8Array[]) =>
      frames
        .map((frame) => peekFrame(frame))
        .filter(({ kind }) => kind === Kind.EVENT)
        .map(({ sequence }) => sequence);
    assert.deepEqual(events(slow.frames()), events(sent));
    const gaps = slow.received.flatMap((message) => message.gaps);
    assert.ok(gaps.length > 0 && gaps.every(({ reason }) => reason === GapReason.SLOW));
    assert.equal(await server.metric('hayate_fan_out_path', { path: sender.path }), 1);
  }));

test('a viewer that sends no receipts is closed with RECEIPT_TIMEOUT', async (t) => {
  const server = await startTestServer(t, ['--receipt-timeout-ms', '1s']);
  const { viewer, peer, source } = await pair(t, server);
  peer.send({ frames: [source.header('Hello')] });
  assert.equal((await viewer.closed()).code, CloseCodes.RECEIPT_TIMEOUT.code);
});

test('a viewer with more waiting events than the bound is closed with TOO_SLOW', async (t) => {
  const server = await startTestServer(t, ['--events-max', '3', '--window-bytes', '16384', '--window-ms', '100ms', '--batch-ms', '150ms']);
  const { viewer, peer, source } = await pair(t, server);
  peer.send({ frames: [source.header('Hello'), ...Array.from({ length: 20 }, () => source.audio(1_000))] });
  // Acknowledgements come a batch apart, so the events are further apart than the window.
  for (let acks = 0; viewer.closedWith() === undefined; acks = peer.received.length) {
    peer.send({ frames: [source.event()] });
    await poll('another ack', () => peer.received.length > acks);
  }
  assert.equal((await viewer.closed()).code, CloseCodes.TOO_SLOW.code);
});
