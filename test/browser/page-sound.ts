// A page's recording, in this process. In: a page with ?debug. Out: mono samples at 48 kHz and the
// wall-clock time of the first.
import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import type { RecordedSound } from '../../packages/web/src/debug/sound-recording.ts';
import { voiceRate } from './voice-clip.ts';

/** The sound that a page recorded or played. */
export interface Sound {
  samples: Float32Array;
  startUnixMs: number;
}

/** Length of its recording in seconds; reading the length does not transfer any sound. */
export const recordedS = (page: Page, which: 'microphone' | 'played'): Promise<number> =>
  page.evaluate((name) => (window.hayate as unknown as Record<string, RecordedSound | undefined> | undefined)?.[name]?.seconds ?? 0, which);

/**
 * The recording so far. It is transferred as base64, which is far quicker than a list of numbers.
 */
export async function soundOf(page: Page, which: 'microphone' | 'played'): Promise<Sound> {
  const { text, startUnixMs, sampleRate } = await page.evaluate(async (name) => {
    const sound = (window.hayate as unknown as Record<string, RecordedSound | undefined>)[name];
    if (sound === undefined) throw new Error(`no ${name}`);
    const reader = new FileReader();
    const read = new Promise((resolve) => reader.addEventListener('load', resolve));
    reader.readAsDataURL(new Blob([sound.samples().slice()]));
    await read;
    return { text: String(reader.result), startUnixMs: sound.startUnixMs, sampleRate: sound.sampleRate };
  }, which);
  assert.equal(sampleRate, voiceRate);
  const bytes = Buffer.from(text.slice(text.indexOf(',') + 1), 'base64');
  return { samples: new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)), startUnixMs };
}
