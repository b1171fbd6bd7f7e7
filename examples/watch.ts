// Watches a stream until it ends, and shows its voice and the avatar's mouth as text. Run:
// node examples/watch.ts [stream]
import { Shapes, Viewer } from '@hayate/client';

const server = process.env.HAYATE_SERVER ?? 'http://localhost:8080';
const [stream = 'tune'] = process.argv.slice(2);
const body = JSON.stringify({ grants: { watch: [stream] } });
const answer = await fetch(`${server}/dev/token`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
const { token } = (await answer.json()) as { token: string };
const viewer = new Viewer({ server, stream, token });
let [mouth, nextPosition] = [0, 0];
viewer.on('epoch', ({ epoch }) => epoch !== undefined && console.log(`${stream} is live`));
viewer.on('header', ({ header }) => console.log(`title: ${header.title}`));
viewer.on('motion', ({ pose }) => {
  mouth = pose.shapes[Shapes.indexOf('jawOpen')] ?? 0;
});
viewer.on('audio', ({ position, level = 127 }) => {
  if (position < nextPosition) return;
  nextPosition = position + 48_000;
  const latency = viewer.stats.latency?.ms.toFixed(0) ?? '?';
  console.log(`${Math.round(position / 48_000)} s  voice -${level} dB  mouth ${'#'.repeat(mouth * 40)}  latency ${latency} ms`);
});
viewer.on('event', ({ body }) => console.log('event', body));
const [ended] = [viewer.once('ended'), await viewer.connect()];
if (viewer.epoch === undefined) console.log(`waiting for ${stream}`);
const { nextSequence, reason } = await ended;
console.log(
  `ended (${reason}) after ${nextSequence} frames; ${viewer.stats.frames.audio} voice and ${viewer.stats.frames.motion} poses received`,
);
viewer.close();
