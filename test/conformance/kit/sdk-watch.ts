// The SDK's Viewer as a program that the conformance kit can start.
import { Viewer } from '@hayate/client';
import { Kind } from '@hayate/protocol';
import { followState, interfaceOptions, say, tappedWebSocket } from './program.ts';

const { server, stream, token } = interfaceOptions();

const viewer = new Viewer({
  server,
  stream,
  token,
  connectTimeoutMs: 60_000,
  WebSocket: tappedWebSocket(({ watching }) => {
    if (watching === undefined) return;
    const { epoch, nextSequence } = watching;
    if (epoch > 0n) say({ event: 'watching', epoch, nextSequence: Number(nextSequence) });
    else if (viewer.epoch === undefined) notLive();
  }),
});

function notLive(): void {
  say({ event: 'watching', epoch: null, nextSequence: 0 });
}

function give(kind: number, { sequence, participant }: { sequence: number; participant: number }): void {
  say({ event: 'frame', epoch: viewer.epoch, sequence, kind, participant });
}

viewer.on('epoch', ({ epoch }) => {
  // Watching is reported when it arrives; the end of a broadcast is reported when the viewer
  // accepts it.
  if (epoch === undefined) notLive();
});
viewer.on('header', (frame) => give(Kind.HEADER, frame));
viewer.on('audio', (frame) => give(Kind.AUDIO, frame));
viewer.on('motion', (frame) => give(Kind.MOTION, frame));
viewer.on('event', (frame) => give(Kind.EVENT, frame));
viewer.on('custom', (frame) => give(frame.kind, frame));
viewer.on('gap', ({ first, last, reason }) =>
  say({ event: 'gap', first, last, reason: reason === 'unknown' ? 'LOST' : reason.toUpperCase() }),
);
viewer.on('ended', ({ reason }) => say({ event: 'ended', reason: reason.toUpperCase() }));
viewer.on('state', followState);
process.on('SIGTERM', () => process.exit(0));

await viewer.connect().catch(() => undefined);
