// Vectors for playing voice: from a device's clock to the audible position and the capture time of
// the pose that belongs to it, and the configuration of Android's Opus decoder. docs/client/
// explains them.

const SAMPLES_PER_SECOND = 48_000;

/**
 * An audio frame of the wire: position in 48 kHz samples, capture time in microseconds of the
 * epoch.
 */
type AudioFrame = { readonly position: number; readonly captureUs: number };
const frame: AudioFrame = { position: 960_000, captureUs: 20_012_345 };

/** a * b / c, rounded towards minus infinity. Exact even where the product is beyond 2^53. */
const scaled = (a: number, b: number, c: number): number => {
  const [product, divisor] = [BigInt(a) * BigInt(b), BigInt(c)];
  return Number(product / divisor - (product % divisor < 0n ? 1n : 0n));
};

const captureUs = (position: number, frame: AudioFrame): number => frame.captureUs + scaled(position - frame.position, 125, 6);

/** Unity: the sample `anchorPosition` is audible at `anchorDspTime`. */
const unity = (dspTime: number, anchorDspTime: number, anchorPosition: number) => {
  const position = anchorPosition + Math.floor((dspTime - anchorDspTime) * SAMPLES_PER_SECOND);
  return { dspTime, anchorDspTime, anchorPosition, position, captureUs: captureUs(position, frame) };
};

/**
 * Android: the first sample written to the AudioTrack has `firstPosition`. The other values are an
 * AudioTimestamp and the clock of System.nanoTime().
 */
const android = (framePosition: number, nanoTime: number, nowNanos: number, sampleRate: number, firstPosition: number) => {
  const elapsed = scaled(nowNanos - nanoTime, SAMPLES_PER_SECOND, 1e9);
  const position = firstPosition + scaled(framePosition, SAMPLES_PER_SECOND, sampleRate) + elapsed;
  return { framePosition, nanoTime, nowNanos, sampleRate, firstPosition, position, captureUs: captureUs(position, frame) };
};

/**
 * Apple: a player's time, in samples since it began to play, the host time of that sample, and the
 * current host time.
 */
const apple = (sampleTime: number, hostTime: number, nowHostTime: number, sampleRate: number, [numer, denom]: [number, number]) => {
  const firstPosition = 960_000;
  const elapsedNanos = scaled(nowHostTime - hostTime, numer, denom);
  const elapsed = scaled(elapsedNanos, SAMPLES_PER_SECOND, 1e9);
  const position = firstPosition + scaled(sampleTime, SAMPLES_PER_SECOND, sampleRate) + elapsed;
  const timebase = { numer, denom };
  return {
    ...{ sampleTime, hostTime, nowHostTime, sampleRate, timebase, firstPosition },
    ...{ elapsedNanos, position, captureUs: captureUs(position, frame) },
  };
};

/**
 * spec/vectors/playback-clock.json. Every division rounds towards minus infinity, once for each
 * line of the formulas.
 */
export const playbackClock = {
  about:
    'A clock of the device, the position heard at that moment, and its capture time by `frame`. Compare with a tolerance of 1 sample and 21 microseconds.',
  frame,
  unity: [
    unity(12.5, 12.5, 960_000),
    unity(13.75, 12.5, 960_000),
    unity(12.25, 12.5, 960_000),
    unity(90_012.515625, 12.5, 960_000),
    unity(100.0625, 100, 400_000_000_000_000),
  ],
  android: [
    android(0, 5_000_000_000, 5_000_000_000, 48_000, 960_000),
    android(48_000, 5_000_000_000, 5_010_000_000, 48_000, 960_000),
    android(44_100, 5_000_000_000, 5_010_000_000, 44_100, 960_000),
    android(96_000, 7_000_000_000, 6_995_000_000, 48_000, 960_000),
    android(4_320_000_000, 90_005_000_000_000, 90_005_000_020_834, 48_000, 960_000),
  ],
  apple: [
    apple(0, 24_000_000_000, 24_000_000_000, 48_000, [125, 3]),
    apple(24_000, 24_000_000_000, 24_000_240_000, 48_000, [125, 3]),
    apple(22_050, 24_000_000_000, 24_000_240_000, 44_100, [125, 3]),
    apple(48_000, 1_000_000_000_000, 1_000_010_000_000, 48_000, [1, 1]),
    apple(24_000, 24_000_000_000, 23_999_760_000, 48_000, [125, 3]),
  ],
};

/** `OpusHead` (RFC 7845 section 5.1) with mapping family 0, hexadecimal. */
const opusHead = (channels: number, preSkip: number, inputSampleRate: number): string => {
  const bytes = Buffer.alloc(19);
  bytes.write('OpusHead', 0);
  bytes.writeUInt8(1, 8);
  bytes.writeUInt8(channels, 9);
  bytes.writeUInt16LE(preSkip, 10);
  bytes.writeUInt32LE(inputSampleRate, 12);
  return bytes.toString('hex');
};
const nanoseconds = (samples: number): string => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE((BigInt(samples) * 1_000_000_000n) / BigInt(SAMPLES_PER_SECOND));
  return bytes.toString('hex');
};

/** Samples that a decoder needs before its output is right (RFC 7845 section 4.6): 80 ms. */
const PRE_ROLL = 3_840;

/** spec/vectors/opus-head.json. */
export const opusHeads = {
  about: "StreamHeader.audio as the three buffers that configure Android's Opus decoder on a little-endian device, hexadecimal.",
  configurations: [
    { channels: 1, preSkip: 0, inputSampleRate: 48_000 },
    { channels: 1, preSkip: 312, inputSampleRate: 48_000 },
    { channels: 2, preSkip: 3_840, inputSampleRate: 44_100 },
    { channels: 2, preSkip: 65_535, inputSampleRate: 0 },
  ].map((audio) => ({
    audio,
    'csd-0': opusHead(audio.channels, audio.preSkip, audio.inputSampleRate),
    'csd-1': nanoseconds(audio.preSkip),
    'csd-2': nanoseconds(PRE_ROLL),
  })),
};
