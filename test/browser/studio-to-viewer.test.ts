// End to end: a user goes live in the studio, another one watches. A WAV file plays into the
// microphone; the sound and the pictures of the second page are compared with it.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Page } from 'playwright-core';
import type { StudioDebug, ViewerDebug } from '../../packages/web/src/debug.ts';
import { poll } from '../support/poll.ts';
import { requireTool } from '../support/require-tool.ts';
import { startTestServer } from '../support/server.ts';
import { decimate, findMatch, rootMeanSquare } from '../support/signal.ts';
import { tempDir } from '../support/temp-dir.ts';
import { launchBrowser, type TestBrowser } from './browser.ts';
import { recordedS, soundOf } from './page-sound.ts';
import { speak, voiceRate, writeWav } from './voice-clip.ts';

/** The microphone's sound, repeated: two sentences with silence between them. */
const script = [{ fromS: 0.2, toS: 3.4 }, { silenceS: 1.8 }, { fromS: 4, toS: 7 }, { silenceS: 2 }] as const;
/** Signals are compared at this rate: the voice's own band. */
const factor = 12;
/** The sentences of the script, each with the silence after it, in seconds. */
const sentences = [
  [0, 4.8],
  [5, 9.8],
] as const;
/** Loudness is measured over this many samples: 20 ms. */
const hop = voiceRate / 50;
/** How far from its expected place a piece of the waveform is searched, seconds. */
const reachS = 0.25;
const WAIT = { timeoutMs: 60_000 };

async function setUp(t: TestContext, autoplay: 'allowed' | 'blocked' = 'allowed') {
  const executablePath = requireTool(t, 'chromium');
  if (executablePath === undefined) return undefined;
  const server = await startTestServer(t);
  const voice = await speak(script);
  const microphone = writeWav(join(tempDir(t), 'voice.wav'), voice);
  return { server, voice, browser: await launchBrowser(t, { executablePath, url: server.url, microphone, autoplay }) };
}

async function goLive(browser: TestBrowser, stream: string): Promise<Page> {
  const studio = await browser.open('/studio?debug&quality=low&processing=off');
  await studio.getByLabel('Stream name').fill(stream);
  await studio.getByLabel('Title').fill('First light');
  await studio.getByRole('button', { name: 'Go live' }).click();
  await poll('the studio to be live', () => studio.evaluate(() => (window.hayate as StudioDebug | undefined)?.epoch() || undefined), WAIT);
  return studio;
}

async function watch(browser: TestBrowser, stream: string): Promise<Page> {
  const viewer = await browser.open(`/watch/${stream}?debug&quality=low&interpolate=off`);
  await poll('the viewer to be live', () => viewer.evaluate(() => (window.hayate as ViewerDebug | undefined)?.state() === 'live'), WAIT);
  return viewer;
}

const loudnessOf = (samples: Float32Array) =>
  Float32Array.from({ length: Math.floor(samples.length / hop) }, (_, i) => rootMeanSquare(samples, i * hop, (i + 1) * hop));

function withoutMean(values: Float32Array): Float32Array {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.map((value) => value - mean);
}

/** Pieces of 120 ms. */
function piecesOf(samples: Float32Array): Float32Array[] {
  const length = (0.12 * voiceRate) / factor;
  return Array.from({ length: Math.floor(samples.length / length) }, (_, i) => samples.subarray(i * length, (i + 1) * length));
}

/** The mouth at a moment. */
interface Picture {
  /** How open the jaw is. */
  jaw: number;
  /**
   * How much it differs from the same picture with the jaw shut: the pixels' mean difference, 0 to
   * 255.
   */
  change: number;
}

const isOpen = ({ jaw }: Picture) => jaw > 0.15;
const isShut = ({ jaw }: Picture) => jaw === 0;

/** Runs in the viewer's page: takes a picture four times a second, if the page draws as often. */
function takePictures(): void {
  const page = window.hayate as ViewerDebug;
  const pictures: Picture[] = [];
  Object.assign(window, { pictures });
  const take = async () => {
    const { pose, pixels, shut } = await page.mouth();
    const difference = pixels.reduce((sum, value, i) => sum + Math.abs(value - (shut[i] ?? 0)), 0);
    pictures.push({ jaw: pose.shapes.jawOpen ?? 0, change: difference / pixels.length });
    setTimeout(take, 250);
  };
  void take();
}

const picturesOf = (viewer: Page) => viewer.evaluate(() => (window as unknown as { pictures: Picture[] }).pictures);

/**
 * The angle between two rotations, from the chord between their quaternions, which is exact for
 * small angles.
 */
function rotationDegrees(a: readonly number[], b: readonly number[]): number {
  const chord = (sign: number) => Math.hypot(...a.map((value, i) => value - sign * (b[i] ?? 0)));
  return (4 * Math.asin(Math.min(1, Math.min(chord(1), chord(-1)) / 2)) * 180) / Math.PI;
}

test('viewers hear and see the voice and the motion of the studio', async (t) => {
  const scene = await setUp(t);
  if (scene === undefined) return;
  const { browser, voice } = scene;
  const studio = await goLive(browser, 'first-light');
  await studio.mouse.move(60, 60);
  const viewer = await watch(browser, 'first-light');

  // The page takes pictures of the mouth while the voice repeats, and every sentence is heard
  // completely, twice.
  await viewer.evaluate(takePictures);
  const lengthS = (2 * voice.length) / voiceRate + 5;
  let progress = '';
  t.after(() => t.diagnostic(progress));
  await poll(
    'the whole clip to be played, and enough pictures of an open and of a shut mouth',
    async () => {
      const pictures = await picturesOf(viewer);
      progress = `${pictures.filter(isOpen).length} open, ${pictures.filter(isShut).length} shut, ${await recordedS(viewer, 'played')} s played`;
      if (pictures.filter(isOpen).length < 3 || pictures.filter(isShut).length < 3) return false;
      return (await recordedS(viewer, 'played')) > lengthS && (await recordedS(studio, 'microphone')) > lengthS;
    },
    WAIT,
  );
  const pictures = await picturesOf(viewer);

  await t.test('the played sound is that of the WAV file', async () => {
    const played = (await soundOf(viewer, 'played')).samples;
    // The course of loudness, for each sentence with the silence after it: its place, and its
    // likeness.
    for (const [fromS, toS] of sentences) {
      const sentence = voice.subarray(fromS * voiceRate, toS * voiceRate);
      const place = findMatch(withoutMean(loudnessOf(sentence)), withoutMean(loudnessOf(played)));
      assert.ok((place?.likeness ?? 0) > 0.75, `loudness ${place?.likeness}`);
      // The waveform, in short pieces near that place: playing a little faster or slower shifts
      // them against one another.
      const around = Math.max(0, (place?.at ?? 0) * hop - reachS * voiceRate);
      const nearby = decimate(played.subarray(around, around + sentence.length + 2 * reachS * voiceRate), factor);
      const likeness = piecesOf(decimate(sentence, factor)).flatMap((piece, i) => {
        const from = i * piece.length;
        const match = findMatch(piece, nearby.subarray(from, from + piece.length + (2 * reachS * voiceRate) / factor));
        return rootMeanSquare(piece) > 0.02 ? [match?.likeness ?? 0] : [];
      });
      const median = likeness.toSorted((x, y) => x - y)[likeness.length >> 1] ?? 0;
      t.diagnostic(`loudness alike ${place?.likeness.toFixed(3)}, waveform ${median.toFixed(3)} (median of ${likeness.length} pieces)`);
      assert.ok(median > 0.75, `waveform ${likeness.map((value) => value.toFixed(2))}`);
    }
  });

  await t.test('bones and shapes of the rendered scene equal the sent ones, within quantisation', async () => {
    const sent = await studio.evaluate(() => (window.hayate as StudioDebug).sent);
    const rendered = await viewer.evaluate(() => (window.hayate as ViewerDebug).rendered.filter(({ captureUs }) => captureUs !== null));
    const byTime = new Map(sent.map((pose) => [pose.captureUs, pose]));
    const matched = rendered.flatMap((pose) => {
      const source = pose.captureUs === null ? undefined : byTime.get(pose.captureUs);
      return source === undefined ? [] : [{ pose, source }];
    });
    assert.ok(matched.length >= 100, `${matched.length} poses matched of ${rendered.length} drawn and ${sent.length} sent`);
    let moved = 0;
    for (const { pose, source } of matched) {
      for (const [index, rotation] of Object.values(pose.bones).entries()) {
        const expected = source.rotations.slice(index * 4, index * 4 + 4);
        assert.ok(rotationDegrees(rotation, expected) < 0.02, `${Object.keys(pose.bones)[index]}: ${rotation} for ${expected}`);
        if (rotationDegrees(rotation, [0, 0, 0, 1]) > 1) moved++;
      }
      for (const [index, weight] of Object.values(pose.shapes).entries())
        assert.ok(Math.abs(weight - (source.shapes[index] ?? 0)) <= 1 / 255);
    }
    assert.ok(moved > matched.length, 'bones are turned');
    t.diagnostic(`${matched.length} poses matched`);
  });

  await t.test('the mouth opens with the voice and is shut while the voice is silent', async () => {
    const { sent, heard } = await studio.evaluate(() => {
      const { sent, heard } = window.hayate as StudioDebug;
      return { sent: sent.map(({ captureUs, shapes }) => ({ captureUs, jaw: shapes[17] ?? 0 })), heard };
    });
    // Only poses count around which everything heard is voice, or everything is silence.
    const around = (captureUs: number) => heard.filter((block) => Math.abs(block.captureUs - captureUs) < 200_000);
    const whereAll = (isSo: (level: number) => boolean) =>
      sent.filter(({ captureUs }) => {
        const blocks = around(captureUs);
        return blocks.length > 15 && blocks.every(({ level }) => isSo(level));
      });
    const [voiced, silent] = [whereAll((level) => level < 40), whereAll((level) => level > 70)];
    const openShare = (poses: readonly { jaw: number }[]) => poses.filter(({ jaw }) => jaw > 0).length / poses.length;
    t.diagnostic(
      `open in ${openShare(voiced).toFixed(2)} of ${voiced.length} voiced poses, in ${openShare(silent).toFixed(2)} of ${silent.length} silent ones`,
    );
    assert.ok(voiced.length >= 20 && silent.length >= 100, `${voiced.length} voiced poses, ${silent.length} silent ones`);
    assert.ok(openShare(voiced) > 0.9, `open while speaking: ${openShare(voiced)}`);
    assert.ok(openShare(silent) < 0.2, `open while silent: ${openShare(silent)}`);
  });

  await t.test('the picture shows whether the jaw is open', () => {
    const [open, shut] = [pictures.filter(isOpen), pictures.filter(isShut)];
    const least = Math.min(...open.map(({ change }) => change));
    t.diagnostic(`${pictures.length} pictures; an open jaw changes them by ${least.toFixed(2)} at least`);
    assert.ok(least > 1, `changed by ${least}`);
    for (const { change } of shut) assert.equal(change, 0);
  });

  await t.test('the front page shows the stream with its title and a moving picture', async () => {
    const front = await browser.open('/?quality=low');
    const card = front.locator('a', { hasText: 'First light' });
    await poll('the card', () => card.isVisible(), WAIT);
    // A card outside the screen is not animated.
    await card.scrollIntoViewIfNeeded();
    const picture = () => card.locator('canvas').evaluate((canvas: HTMLCanvasElement) => canvas.toDataURL());
    const first = await picture();
    await poll('another picture', async () => (await picture()) !== first, WAIT);
    assert.equal(await front.getByRole('link', { name: 'Go live' }).count(), 1);
    await front.close();
  });

  await t.test('ending the broadcast in the studio ends it in the viewer', async () => {
    await studio.getByRole('button', { name: /^End/ }).click();
    await poll(
      'the message that the broadcast has ended',
      () => viewer.evaluate(() => (window.hayate as ViewerDebug).state() === 'ended'),
      WAIT,
    );
    assert.ok(await viewer.getByText('The broadcast has ended').isVisible());
  });
});

test('"Tap to hear" is shown until a click allows autoplay, and then there is sound', async (t) => {
  const scene = await setUp(t, 'blocked');
  if (scene === undefined) return;
  const { browser, server } = scene;
  await goLive(browser, 'tap');
  const viewer = await browser.open('/watch/tap?debug&quality=low');
  // Evaluating in a page counts as a user's gesture, so the page is left alone until it has had
  // something to play for a while.
  await poll(
    'the viewer to have been sent a stream',
    async () => (await server.metric('hayate_listener_viewer_frames_sent_total')) > 250,
    WAIT,
  );
  const tap = viewer.getByRole('button', { name: 'Tap to hear' });
  await poll('the "Tap to hear" button', () => tap.isVisible(), WAIT);
  await tap.click();
  await poll('the invitation to disappear', async () => !(await tap.isVisible()), WAIT);
  await poll('sound', async () => rootMeanSquare((await soundOf(viewer, 'played')).samples) > 0.01, WAIT);
});

test('a studio without a microphone shows a sentence about it', async (t) => {
  const executablePath = requireTool(t, 'chromium');
  if (executablePath === undefined) return;
  const server = await startTestServer(t);
  const browser = await launchBrowser(t, { executablePath, url: server.url, microphone: 'refused', autoplay: 'allowed' });
  const studio = await browser.open('/studio?quality=low');
  await studio.getByLabel('Stream name').fill('refused');
  await studio.getByRole('button', { name: 'Go live' }).click();
  const notice = studio.getByRole('alert');
  await poll('the sentence', async () => (await notice.count()) > 0 && /microphone/i.test(await notice.innerText()), WAIT);
});
