// The SDK's Broadcaster as a program that the conformance kit can start.
import { setTimeout as wait } from 'node:timers/promises';
import { Broadcaster, createPose } from '@hayate/client';
import { followState, interfaceOptions, say, tappedWebSocket } from './program.ts';

const { server, stream, token, frames } = interfaceOptions();
const SILENCE = Uint8Array.of(0xf8, 0xff, 0xfe);
const TICK_MS = 20;

const broadcaster = new Broadcaster({
  server,
  stream,
  token,
  title: 'conformance',
  audio: { channels: 1, preSkip: 312, inputSampleRate: 48_000 },
  connectTimeoutMs: 60_000,
  WebSocket: tappedWebSocket(({ published }) => {
    if (published === undefined) return;
    const { epoch, generation, nextSequence } = published;
    say({ event: 'published', epoch, generation, nextSequence: Number(nextSequence) });
  }),
});
let over = false;
broadcaster.on('ack', ({ nextSequence }) => say({ event: 'acknowledged', nextSequence }));
broadcaster.on('ended', ({ reason }) => say({ event: 'ended', reason: reason.toUpperCase() }));
broadcaster.on('state', (change) => {
  followState(change);
  over = change.state === 'failed' || change.state === 'ended';
});
process.on('SIGTERM', () => process.exit(0));

await broadcaster.start().catch(() => undefined);
const startedMs = performance.now();
const pose = createPose();
// A key needs more bytes than a delta.
pose.shapes.fill(0.5);
let made = 1;
for (let tick = 0; made < frames && !over; tick++) {
  await wait(Math.max(0, startedMs + tick * TICK_MS - performance.now()));
  broadcaster.sendAudio({ packets: [SILENCE], position: tick * 960 });
  made++;
  if (tick % 5 === 0) {
    pose.hips[0] = tick / 1_000;
    broadcaster.sendMotion(pose);
    made++;
  }
  if (tick % 25 === 0 && !over) {
    broadcaster.sendEvent({ case: 'custom', value: { type: 'tick', data: new TextEncoder().encode(String(tick / 25)) } });
    made++;
  }
}
await broadcaster.end().catch(() => undefined);
