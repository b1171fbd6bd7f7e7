// Replay in the page: a broadcast of known voice and motion is archived. A moderator finds it among
// the past ones, plays it, seeks forward and back, plays it faster and stops it. The sound and the
// pictures are compared with the broadcast.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type BoneName, Bones, Broadcaster, createPose, type Pose } from '@hayate/client';
import { audioLevel } from '@hayate/client/performer';
import { epochText } from '@hayate/protocol';
import type { Page } from 'playwright-core';
import { createVoiceDecoder } from '../../packages/server/src/cli/voice-decoder.ts';
import type { ViewerDebug } from '../../packages/web/src/debug.ts';
import { cleanUp } from '../support/clean-up.ts';
import { demoClip } from '../support/hayate.ts';
import { poll } from '../support/poll.ts';
import { requireTool } from '../support/require-tool.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { decimate, findMatch, rootMeanSquare } from '../support/signal.ts';
import { launchBrowser } from './browser.ts';
import { recordedS, soundOf } from './page-sound.ts';
import { voiceRate } from './voice-clip.ts';

const SECONDS = 50;
/**
 * Windows of a second, archived when the log is silent for one second; the limits let a broadcast
 * in as fast as it arrives.
 */
const FLAGS = ['--archive-window-ms', '1s', '--frames-per-second-max', '100000', '--bits-per-second-max', '100000000'];
const WAIT = { timeoutMs: 60_000 };
/** Loudness is measured over this many samples: 20 ms. */
const hop = voiceRate / 50;
/** Signals are compared at this rate: the voice's own band. */
const factor = 12;

/**
 * The pose at a moment: the head turns and the jaw moves, so that no two moments within ten seconds
 * are alike.
 */
function poseAt(captureUs: number): Pose {
  const pose = createPose();
  const seconds = captureUs / 1e6;
  const turn = 0.3 * Math.sin((2 * Math.PI * seconds) / 10);
  pose.rotations.set([0, Math.sin(turn / 2), 0, Math.cos(turn / 2)], 4 * Bones.indexOf('head'));
  pose.shapes[17] = 0.5 + 0.5 * Math.sin(seconds);
  return pose;
}

/**
 * Broadcasts the demo clip with these poses; resolves to its epoch and its sound, mono at 48 kHz.
 */
async function broadcast(t: TestContext, server: TestServer): Promise<{ epoch: string; voice: Float32Array }> {
  const token = await server.token({ publish: ['*'] });
  const audio = { channels: 1, preSkip: 312, inputSampleRate: voiceRate };
  const broadcaster = new Broadcaster({ server: server.url, stream: 'past-light', title: 'First light', token, audio });
  cleanUp(t, () => broadcaster.close());
  await broadcaster.start();
  const epoch = epochText(broadcaster.epoch ?? 0n);
  const decode = await createVoiceDecoder(1);
  const voice = new Float32Array(SECONDS * voiceRate);
  for (const [i, { data }] of demoClip(SECONDS).packets.entries()) {
    const { samples } = decode(data);
    voice.set(samples, i * hop);
    const captureUs = i * 20_000;
    broadcaster.sendAudio({ packets: [data], position: i * hop, level: audioLevel(samples), captureUs });
    if (i % 2 === 0) broadcaster.sendMotion(poseAt(captureUs), { captureUs });
    if (i % 50 === 49) await poll('an acknowledgement', () => broadcaster.stats.unacknowledgedFrames < 50);
  }
  const frames = broadcaster.stats.nextSequence;
  await broadcaster.end();
  const headers = { Authorization: `Bearer ${await server.token({ moderate: ['*'] })}` };
  await poll('the archive to have it whole', async () => {
    const { broadcasts } = (await (await fetch(`${server.url}/api/archive/broadcasts`, { headers })).json()) as {
      broadcasts: { frames: number }[];
    };
    return broadcasts[0]?.frames === frames;
  });
  return { epoch, voice };
}

const placeOf = (page: Page): Promise<number> => page.evaluate(() => (window.hayate as ViewerDebug | undefined)?.placeMs() ?? -1);
const stateOf = (page: Page): Promise<string> => page.evaluate(() => (window.hayate as ViewerDebug | undefined)?.state() ?? '');

/** Plays until `placeMs`, and until the recording has caught up. */
async function playTo(page: Page, placeMs: number): Promise<void> {
  await poll(`the replay to be at ${placeMs} ms`, async () => (await placeOf(page)) >= placeMs, WAIT);
  const heardS = await recordedS(page, 'played');
  await poll('the recording of it', async () => (await recordedS(page, 'played')) > heardS + 0.5 || heardS > 59, WAIT);
}

const loudnessOf = (samples: Float32Array, step: number = hop) =>
  Float32Array.from({ length: Math.floor(samples.length / step) }, (_, i) => rootMeanSquare(samples, i * step, (i + 1) * step));

function withoutMean(values: Float32Array): Float32Array {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.map((value) => value - mean);
}

/** Asserts that the voice from `fromS` to `toS` is in the played sound, waveform by waveform. */
async function assertHeard(t: TestContext, page: Page, voice: Float32Array, [fromS, toS]: readonly [number, number]): Promise<void> {
  const said = decimate(voice.subarray(fromS * voiceRate, toS * voiceRate), factor);
  const played = decimate((await soundOf(page, 'played')).samples, factor);
  const length = (0.12 * voiceRate) / factor;
  const whole = findMatch(withoutMean(loudnessOf(said, hop / factor)), withoutMean(loudnessOf(played, hop / factor)));
  // In short pieces near that place: playing a little faster or slower shifts them against one
  // another.
  const reach = (0.25 * voiceRate) / factor;
  const around = Math.max(0, ((whole?.at ?? 0) * hop) / factor - reach);
  const likeness = Array.from({ length: Math.floor(said.length / length) }, (_, i) => said.subarray(i * length, (i + 1) * length)).flatMap(
    (piece, i) => {
      const nearby = played.subarray(around + i * length, around + (i + 1) * length + 2 * reach);
      return rootMeanSquare(piece) > 0.02 ? [findMatch(piece, nearby)?.likeness ?? 0] : [];
    },
  );
  const median = likeness.toSorted((x, y) => x - y)[likeness.length >> 1] ?? 0;
  t.diagnostic(
    `${fromS} to ${toS} s: loudness alike ${whole?.likeness.toFixed(3)}, waveform ${median.toFixed(3)} (median of ${likeness.length} pieces)`,
  );
  assert.ok(
    (whole?.likeness ?? 0) > 0.75 && median > 0.75,
    `likeness of ${fromS} to ${toS} s: ${likeness.map((value) => value.toFixed(2))}`,
  );
}

/**
 * The angle between two rotations: from the chord between their quaternions, which is exact where
 * angles are small.
 */
function rotationDegrees(a: readonly number[], b: readonly number[]): number {
  const chord = (sign: number) => Math.hypot(...a.map((value, i) => value - sign * (b[i] ?? 0)));
  return (4 * Math.asin(Math.min(1, Math.min(chord(1), chord(-1)) / 2)) * 180) / Math.PI;
}

/**
 * Asserts that the poses drawn for the time from `fromMs` to `toMs` are those that were broadcast,
 * and that enough were drawn.
 */
async function assertDrawn(t: TestContext, page: Page, [fromMs, toMs]: readonly [number, number], least: number): Promise<void> {
  const rendered = await page.evaluate(() => (window.hayate as ViewerDebug).rendered);
  const within = rendered.filter(({ captureUs }) => captureUs !== null && captureUs >= fromMs * 1000 && captureUs < toMs * 1000);
  assert.ok(within.length >= least, `${within.length} poses drawn of ${fromMs} to ${toMs} ms`);
  for (const { captureUs, bones, shapes } of within) {
    const sent = poseAt(captureUs ?? 0);
    for (const [index, name] of Bones.entries()) {
      const expected = [...sent.rotations.subarray(4 * index, 4 * index + 4)];
      assert.ok(rotationDegrees(bones[name] ?? [], expected) < 0.02, `${name} at ${captureUs} us`);
    }
    assert.ok(Math.abs((shapes.jawOpen ?? 0) - (sent.shapes[17] ?? 0)) <= 1 / 255, `jaw at ${captureUs} us`);
  }
  const moved = new Set(within.map(({ captureUs }) => captureUs)).size;
  t.diagnostic(`${fromMs} to ${toMs} ms: ${within.length} drawings of ${moved} poses`);
}

/** A step of a sequence in which each step builds on the one before: the first failure ends it. */
async function step(what: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (cause) {
    throw new Error(`not so: ${what}`, { cause });
  }
}

test('a past broadcast is found, played, sought and played faster, with the original voice and motion', async (t) => {
  const executablePath = requireTool(t, 'chromium');
  if (executablePath === undefined) return;
  const server = await startTestServer(t, FLAGS);
  const { epoch, voice } = await broadcast(t, server);
  const browser = await launchBrowser(t, { executablePath, url: server.url, autoplay: 'blocked' });
  const page = await browser.open('/?debug&quality=low&interpolate=off');

  await step('links lead from the front page to past broadcasts, a stream and its replay', async () => {
    await page.getByRole('link', { name: 'Past broadcasts' }).click();
    await page.getByRole('textbox', { name: 'Stream' }).fill('nobody');
    await page.getByRole('button', { name: 'Search' }).click();
    await poll('the empty list', () => page.getByText('Nothing here yet').isVisible(), WAIT);
    await page.getByRole('textbox', { name: 'Stream' }).fill('past-light');
    await page.getByRole('button', { name: 'Search' }).click();
    const row = page.getByRole('link', { name: /First light/ });
    await poll('the broadcast', () => row.isVisible(), WAIT);
    assert.match(await row.innerText(), /past-light/);
    await row.click();
    await poll('the address', () => new URL(page.url()).pathname === `/past/past-light/${epoch}`, WAIT);
  });

  await step('it plays after that click, with the voice and motion of the broadcast', async () => {
    await playTo(page, 7_000);
    assert.equal(await stateOf(page), 'playing');
    await assertHeard(t, page, voice, [1.5, 5.5]);
    await assertDrawn(t, page, [1_000, 7_000], 8);
    assert.ok(await page.getByRole('heading', { name: 'First light' }).isVisible());
    assert.ok((await page.locator('.timeline-bars path').first().getAttribute('d'))?.includes('v'));
  });

  const slider = page.getByRole('slider', { name: 'Position in the broadcast' });
  await step('a seek forward on the timeline plays from that position', async () => {
    const box = await page.locator('.timeline').boundingBox();
    assert.ok(box !== null);
    await page.mouse.click(box.x + box.width * (30 / SECONDS), box.y + box.height / 2);
    await poll('the position', async () => (await placeOf(page)) > 28_000, WAIT);
    const fromMs = await placeOf(page);
    assert.ok(fromMs < 40_000);
    await playTo(page, 36_500);
    await assertHeard(t, page, voice, [32, 36]);
    await assertDrawn(t, page, [32_000, 36_000], 5);
  });

  await step('a seek back by keys plays from that position', async () => {
    await slider.focus();
    const before = await placeOf(page);
    for (let i = 0; i < 4; i++) await page.keyboard.press('ArrowLeft');
    await poll('the position', async () => (await placeOf(page)) < before - 15_000, WAIT);
    assert.match((await slider.getAttribute('aria-valuetext')) ?? '', /seconds? of 49 seconds/);
    const fromS = Math.ceil((await placeOf(page)) / 1000) + 1;
    await playTo(page, (fromS + 4.5) * 1000);
    await assertHeard(t, page, voice, [fromS, fromS + 4]);
    await assertDrawn(t, page, [fromS * 1000, fromS * 1000 + 4_000], 5);
  });

  await step('while paused, the avatar is still and silent, and a seek shows the pose at its position', async () => {
    await page.keyboard.press(' ');
    await poll('the pause', async () => (await stateOf(page)) === 'paused', WAIT);
    const place = await placeOf(page);
    const heardS = await recordedS(page, 'played');
    await poll(
      'a second of silence',
      async () => {
        const { samples } = await soundOf(page, 'played');
        return rootMeanSquare(samples.subarray(-voiceRate)) < 1e-4 && (await recordedS(page, 'played')) > Math.min(58, heardS + 1);
      },
      WAIT,
    );
    assert.equal(await placeOf(page), place);
    await slider.fill('9990');
    await poll(
      'the pose of that moment',
      () => page.evaluate(() => (window.hayate as ViewerDebug).rendered.at(-1)?.captureUs === 9_960_000),
      WAIT,
    );
    const head = await page.evaluate(() => (window.hayate as ViewerDebug).rendered.at(-1)?.bones.head ?? []);
    assert.ok(
      rotationDegrees(head, [
        ...poseAt(9_960_000).rotations.subarray(4 * Bones.indexOf('head' satisfies BoneName), 4 * Bones.indexOf('head') + 4),
      ]) < 0.02,
    );
  });

  await step('at twice the speed the same voice takes half the time', async () => {
    await page.getByText('2 ×', { exact: true }).click();
    await slider.fill('38000');
    await page.getByRole('button', { name: 'Play' }).click();
    await playTo(page, 46_500);
    await assertDrawn(t, page, [39_000, 46_000], 4);
    // The course of loudness: 20 ms of the played sound correspond to 40 ms of the voice.
    const said = withoutMean(loudnessOf(voice.subarray(39 * voiceRate, 45 * voiceRate), 2 * hop));
    const heard = withoutMean(loudnessOf((await soundOf(page, 'played')).samples));
    const match = findMatch(said, heard);
    t.diagnostic(`loudness at twice the speed alike ${match?.likeness.toFixed(3)}`);
    assert.ok((match?.likeness ?? 0) > 0.75, `loudness ${match?.likeness}`);
  });

  await step('it ends at the end of the broadcast', async () => {
    await poll('the end', async () => (await stateOf(page)) === 'ended', WAIT);
    assert.ok(await page.getByRole('button', { name: 'Play' }).isVisible());
    assert.equal(await placeOf(page), (SECONDS * 50 - 2) * 20 + 21);
  });
});

test('a user without the right to moderate sees no link to past broadcasts; a moderator of one stream opens its replay by its address', async (t) => {
  const executablePath = requireTool(t, 'chromium');
  if (executablePath === undefined) return;
  const server = await startTestServer(t, FLAGS);
  const { epoch } = await broadcast(t, server);
  const browser = await launchBrowser(t, { executablePath, url: server.url, autoplay: 'blocked' });
  const page = await browser.open(`/#token=${await server.token({ watch: ['*'] })}`);
  await poll('the page', () => page.getByRole('link', { name: 'Go live' }).isVisible(), WAIT);
  await poll('the listing', () => page.getByText('No one is live right now.').isVisible(), WAIT);
  assert.equal(await page.getByRole('link', { name: 'Past broadcasts' }).count(), 0);
  await page.close();

  const moderator = await browser.open(
    `/past/past-light/${epoch}?quality=low&debug#token=${await server.token({ moderate: ['past-light'] })}`,
  );
  // It waits for a click, unless the test's evaluation in the page has counted as one.
  await poll('a first picture', async () => ['paused', 'playing'].includes(await stateOf(moderator)), WAIT);
  if ((await stateOf(moderator)) === 'paused') await moderator.getByRole('button', { name: 'Play' }).click();
  await poll('the replay to play', async () => (await placeOf(moderator)) > 2_000, WAIT);
  await poll('sound', async () => rootMeanSquare((await soundOf(moderator, 'played')).samples) > 0.01, WAIT);
});
