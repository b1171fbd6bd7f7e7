import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDecoder } from 'libopus-wasm';
import { encodeVoice } from './encode-voice.ts';
import type { Pcm } from './pcm.ts';

interface Source {
  readonly channels: 1 | 2;
  readonly sampleRate: number;
  /** Samples of one channel. */
  readonly length: number;
  readonly isLengthKnown: boolean;
  readonly block: number;
}

/** 440 Hz on the left, 660 Hz on the right, to the very last sample. */
function tones({ channels, sampleRate, length, isLengthKnown, block }: Source): Pcm {
  const all = Float32Array.from({ length: length * channels }, (_, i) => {
    const hz = i % channels === 0 ? 440 : 660;
    return 0.4 * Math.sin((2 * Math.PI * hz * Math.floor(i / channels)) / sampleRate);
  });
  return {
    channels,
    sampleRate,
    samples: isLengthKnown ? length : undefined,
    async *blocks() {
      for (let at = 0; at < all.length; at += block * channels) yield all.slice(at, at + block * channels);
    },
  };
}

async function encodeAll(source: Source) {
  const voice = await encodeVoice(tones(source), { bitrate: 128_000 });
  const packets: Uint8Array[] = [];
  for await (const packet of voice.packets()) packets.push(packet);
  return { voice, packets };
}

test('every sample is encoded, in no more packets than necessary', async () => {
  for (const sampleRate of [8_000, 44_100, 48_000, 96_000])
    for (const length of [1, 479, 648, 649, 960, 4_000, 24_001])
      for (const isLengthKnown of [true, false]) {
        const { voice, packets } = await encodeAll({ channels: 1, sampleRate, length, isLengthKnown, block: 1_000 });
        const samples = Math.ceil((length * 48_000) / sampleRate);
        assert.equal(packets.length, Math.ceil((samples + voice.format.preSkip) / 960), `${length} samples at ${sampleRate} Hz`);
        assert.equal(voice.samples, isLengthKnown ? packets.length * 960 : undefined);
        assert.deepEqual(voice.format, { channels: 1, preSkip: 312, inputSampleRate: sampleRate });
      }
});

test('a decoder returns the recording from its first sample to its last, each channel on its side', async () => {
  for (const [sampleRate, length] of [
    [48_000, 12_345],
    [44_100, 11_111],
  ] as const) {
    const { voice, packets } = await encodeAll({ channels: 2, sampleRate, length, isLengthKnown: false, block: 777 });
    const decoder = await createDecoder({ channels: 2, sampleRate: 48_000 });
    const heard = packets.flatMap((packet) => [...decoder.decodeFloat(packet)]).slice(voice.format.preSkip * 2);
    const samples = Math.ceil((length * 48_000) / sampleRate);
    assert.ok(heard.length >= samples * 2);
    for (const [channel, hz] of [440, 660].entries()) {
      const errorOf = (from: number, to: number) => {
        let sum = 0;
        for (let n = from; n < to; n++) sum += ((heard[n * 2 + channel] ?? 0) - 0.4 * Math.sin((2 * Math.PI * hz * n) / 48_000)) ** 2;
        return Math.sqrt(sum / (to - from));
      };
      // The last millisecond is as loud as the rest: the look-ahead and the resampler's tail were
      // flushed.
      for (const [from, to] of [
        [960, 5_000],
        [samples - 960, samples - 48],
      ] as const)
        assert.ok(errorOf(from, to) < 0.03, `${sampleRate} Hz, ${hz} Hz, ${from} to ${to}: ${errorOf(from, to)}`);
    }
  }
});

test('packets do not depend on the sizes of the blocks of samples', async () => {
  const source = { channels: 2, sampleRate: 32_000, length: 9_999, isLengthKnown: true } as const;
  const whole = (await encodeAll({ ...source, block: 9_999 })).packets;
  for (const block of [1, 640, 4_096]) assert.deepEqual((await encodeAll({ ...source, block })).packets, whole);
});

test('an error of the source reaches the reader of the packets', async () => {
  const pcm: Pcm = {
    channels: 1,
    sampleRate: 48_000,
    samples: undefined,
    async *blocks() {
      yield new Float32Array(960);
      throw new Error('the disk is gone');
    },
  };
  const { packets } = await encodeVoice(pcm, { bitrate: 64_000 });
  await assert.rejects(async () => {
    for await (const packet of packets()) assert.ok(packet.length > 0);
  }, /the disk is gone/);
});
