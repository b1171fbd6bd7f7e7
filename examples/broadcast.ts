// Hums a tune for ten seconds with an avatar. Run `npm start` first, then:
// node examples/broadcast.ts
import { setTimeout as sleep } from 'node:timers/promises';
import { Broadcaster } from '@hayate/client';
import { audioLevel, IdlePerformer, perform, VoicePerformer } from '@hayate/client/performer';
import { createEncoder } from 'libopus-wasm';

const server = process.env.HAYATE_SERVER ?? 'http://localhost:8080';
const [stream = 'tune', seconds = '10'] = process.argv.slice(2);
const body = JSON.stringify({ grants: { publish: [stream] } });
const answer = await fetch(`${server}/dev/token`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
const { token } = (await answer.json()) as { token: string };

const encoder = await createEncoder({ channels: 1, bitrate: 64_000 });
const audio = { channels: 1, preSkip: encoder.getLookahead(), inputSampleRate: 48_000 };
const broadcaster = new Broadcaster({ server, stream, token, title: 'A tune', audio });
await broadcaster.start();
const [idle, voice] = [new IdlePerformer(), new VoicePerformer()];
for (let packet = 0; packet < Number(seconds) * 50; packet++) {
  const hz = 220 * 2 ** (([0, 4, 7, 12, 7, 4][Math.floor(packet / 20) % 6] ?? 0) / 12);
  const pcm = Float32Array.from({ length: 960 }, (_, i) => 0.3 * Math.sin((2 * Math.PI * hz * ((packet % 20) * 960 + i)) / 48_000));
  const captureUs = packet * 20_000;
  await sleep(Math.max(0, (captureUs + 20_000 - broadcaster.nowUs()) / 1000));
  voice.hear(pcm, captureUs / 1000);
  broadcaster.sendAudio({ packets: [encoder.encodeFloat(pcm)], position: packet * 960, level: audioLevel(pcm), captureUs });
  broadcaster.sendMotion(perform(captureUs / 1000, idle, voice), { captureUs });
}
await broadcaster.end();
console.log(`all ${broadcaster.stats.nextSequence} frames are stored`);
