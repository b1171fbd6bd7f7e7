// From the microphone of one page to the loudspeaker of another. The studio's input and the
// viewer's output are recorded with wall-clock times. The place of an input piece in the output
// gives its delay. Both run on one machine, so they share a clock.
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { StudioDebug, ViewerDebug } from '../../packages/web/src/debug.ts';
import { launchBrowser } from '../../test/browser/browser.ts';
import { recordedS, soundOf } from '../../test/browser/page-sound.ts';
import { speak, voiceRate, writeWav } from '../../test/browser/voice-clip.ts';
import { poll } from '../../test/support/poll.ts';
import { startTestServer } from '../../test/support/server.ts';
import { decimate, findMatch, rootMeanSquare } from '../../test/support/signal.ts';
import { tempDir } from '../../test/support/temp-dir.ts';

/** The design's goal. */
const aimMs = { p50: 150, p99: 300 };
const factor = 6;
const rate = voiceRate / factor;
/** Length of the pieces, and how long after its speaking a piece is searched for in the output. */
const pieceS = 0.25;
const latencySMax = 1.5;

const quantile = (sorted: readonly number[], q: number) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;

/** Latency's median over its goal of 150 ms. A value below 1 is better than the goal. */
export async function run({
  quick,
}: {
  quick: boolean;
}): Promise<{ name: string; ratio: string; unit: string; details: Record<string, unknown> }> {
  const hooks: (() => unknown)[] = [];
  // Support code cleans up after a test. Here the benchmark takes the place of that test.
  const scope = { after: (hook: () => unknown) => hooks.push(hook) } as unknown as TestContext;
  try {
    return await measure(scope, quick ? 20 : 55);
  } finally {
    for (const hook of hooks.reverse()) await hook();
  }
}

async function measure(scope: TestContext, seconds: number) {
  const server = await startTestServer(scope);
  const voice = await speak([{ fromS: 0.2, toS: 7 }, { silenceS: 1 }]);
  const microphone = writeWav(join(tempDir(scope), 'voice.wav'), voice);
  const browser = await launchBrowser(scope, { executablePath: '/usr/bin/chromium', url: server.url, microphone, autoplay: 'allowed' });
  const studio = await browser.open('/studio?debug&quality=low&processing=off');
  await studio.getByLabel('Stream name').fill('latency');
  await studio.getByRole('button', { name: 'Go live' }).click();
  await poll('the studio to be live', () => studio.evaluate(() => (window.hayate as StudioDebug | undefined)?.epoch() || undefined));
  const viewer = await browser.open('/watch/latency?debug&quality=low');
  await poll('enough recorded sound', async () => (await recordedS(viewer, 'played')) > seconds, {
    timeoutMs: seconds * 4_000,
  });
  const [heard, played] = [await soundOf(studio, 'microphone'), await soundOf(viewer, 'played')];
  const statistics = await viewer.evaluate(
    () => (window.hayate as ViewerDebug).statistics() as { outputLatencyMs: number; framesPerSecond: number },
  );

  const [source, sink] = [decimate(heard.samples, factor), decimate(played.samples, factor)];
  const latencies: number[] = [];
  const length = pieceS * rate;
  for (let at = 0; at + length <= source.length; at += length) {
    const piece = source.subarray(at, at + length);
    const spokenMs = heard.startUnixMs + (at / rate) * 1_000;
    const from = Math.round(((spokenMs - played.startUnixMs) / 1_000) * rate);
    if (from < 0 || rootMeanSquare(piece) < 0.03) continue;
    const match = findMatch(piece, sink.subarray(from, from + length + latencySMax * rate));
    if (match !== undefined && match.likeness > 0.8) latencies.push((match.at / rate) * 1_000 + statistics.outputLatencyMs);
  }
  const sorted = latencies.toSorted((a, b) => a - b);
  const [p50Ms, p99Ms] = [quantile(sorted, 0.5), quantile(sorted, 0.99)];
  return {
    name: 'browser',
    ratio: (p50Ms / aimMs.p50).toFixed(2),
    unit: `of the aim of ${aimMs.p50} ms, microphone to loudspeaker (p50 ${p50Ms.toFixed(0)} ms, p99 ${p99Ms.toFixed(0)} ms, ${statistics.framesPerSecond.toFixed(0)} fps)`,
    details: {
      pieces: sorted.length,
      p50Ms,
      p99Ms,
      aimMs,
      outputLatencyMs: statistics.outputLatencyMs,
      viewerFramesPerSecond: statistics.framesPerSecond,
      viewport: '320x240, low quality, rendered in software, both pages in one browser',
    },
  };
}
