import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { MediaLine } from './media-line.ts';
import { createPlayoutBuffer, type PlayoutBuffer, type PlayoutStatus, playoutBufferSource } from './playout-buffer.ts';
import { PositionClock } from './position-clock.ts';

const PACKET = 960;
const QUANTUM = 128;

/** mulberry32: a seeded generator of numbers in [0, 1). */
function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Scenario {
  seed: number;
  seconds: number;
  /** Mean of exponential jitter, milliseconds. */
  jitterMs: number;
  /** The network stalls for `stallMs` at this second. */
  stallAtS?: number;
  stallMs?: number;
  /** How much faster the sender's sound device runs than the receiver's, parts per million. */
  driftPpm: number;
  /** Share of packets that are never sent. */
  lossShare?: number;
  /** The sender is muted between these seconds. */
  mutedS?: readonly [number, number];
  /** A tone without pauses, so there is no silence to cut or stretch. */
  isEndless?: boolean;
}

interface Outcome {
  status: PlayoutStatus;
  /** Capture to playout once a second, milliseconds. */
  delays: number[];
  /** Largest step of the rendered signal between two samples. */
  largestStep: number;
  /** Milliseconds of voice rendered. */
  heardMs: number;
}

/**
 * Speech-like: a tone that swells and falls silent, 1.2 s of each 2 s. Its true slope is at most
 * 0.04 a sample.
 */
const voice = (position: number) => {
  const inWord = (position % 96_000) / 57_600;
  return inWord >= 1 ? 0 : 0.5 * Math.sin(Math.PI * inWord) * Math.sin((2 * Math.PI * 200 * position) / 48_000);
};

const endlessVoice = (position: number) => 0.3 * Math.sin((2 * Math.PI * 200 * position) / 48_000);

/**
 * Plays a scenario in virtual time: packets over an ordered connection into a buffer that follows
 * the media line.
 */
function play(scenario: Scenario): Outcome {
  const random = generator(scenario.seed);
  const buffer: PlayoutBuffer = createPlayoutBuffer(48_000, 1);
  const line = new MediaLine();
  const positions = new PositionClock();
  const samplesPerMs = 48 * (1 + scenario.driftPpm / 1e6);
  const arrivals: { atMs: number; position: number; captureUs: number }[] = [];
  let lastMs = 0;
  for (let position = 0; position < scenario.seconds * 48_000; position += PACKET) {
    const captureMs = position / samplesPerMs;
    const muted = scenario.mutedS !== undefined && captureMs >= scenario.mutedS[0] * 1000 && captureMs < scenario.mutedS[1] * 1000;
    if (random() < (scenario.lossShare ?? 0) || muted) continue;
    let atMs = captureMs + 20 + 40 - Math.log(1 - random()) * scenario.jitterMs;
    const stallMs = (scenario.stallAtS ?? Number.POSITIVE_INFINITY) * 1000;
    if (atMs >= stallMs && atMs < stallMs + (scenario.stallMs ?? 0)) atMs = stallMs + (scenario.stallMs ?? 0);
    lastMs = Math.max(lastMs, atMs);
    arrivals.push({ atMs: lastMs, position, captureUs: Math.round(captureMs * 1000 + random() * 2_000) });
  }
  const output = [new Float32Array(QUANTUM)];
  const delays: number[] = [];
  let next = 0;
  let previous = 0;
  let largestStep = 0;
  let heard = 0;
  let horizonMs = 0;
  for (let frame = 0; frame < scenario.seconds * 48_000; frame += QUANTUM) {
    const nowMs = frame / 48;
    for (let arrival = arrivals[next]; arrival !== undefined && arrival.atMs <= nowMs; arrival = arrivals[++next]) {
      const { position, captureUs, atMs } = arrival;
      positions.add(position, captureUs);
      line.voice(atMs, positions.mediaMs(position));
      buffer.push(position, [Float32Array.from({ length: PACKET }, (_, i) => (scenario.isEndless ? endlessVoice : voice)(position + i))]);
    }
    // Motion continues while voice is muted or held up in the encoder. It stops with the network.
    const stalled = nowMs >= (scenario.stallAtS ?? Number.POSITIVE_INFINITY) * 1000 && nowMs < lastStallMs(scenario);
    if (!stalled) {
      horizonMs = nowMs - 60 - 100;
      line.motion(nowMs, nowMs - 60);
    }
    const wanted = line.at(nowMs);
    if (wanted !== undefined && frame % 1_920 === 0)
      buffer.follow({ position: positions.position(wanted), timeS: nowMs / 1000, horizon: positions.position(horizonMs) });
    buffer.render(output, nowMs / 1000);
    for (const value of output[0] ?? []) {
      largestStep = Math.max(largestStep, Math.abs(value - previous));
      previous = value;
      if (value !== 0) heard++;
    }
    if (frame % 48_000 === 0) delays.push(nowMs - buffer.status().position / samplesPerMs);
  }
  return { status: buffer.status(), delays, largestStep, heardMs: heard / 48 };
}

const lastStallMs = ({ stallAtS = Number.POSITIVE_INFINITY, stallMs = 0 }: Scenario) => stallAtS * 1000 + stallMs;
const ms = (samples: number) => samples / 48;

test('plays a steady stream at little more than the network’s delay, without altering the signal', () => {
  const { status, delays, largestStep } = play({ seed: 1, seconds: 30, jitterMs: 1, driftPpm: 0 });
  assert.deepEqual([status.late, status.jumps, status.concealed], [0, 0, 0]);
  for (const delay of delays.slice(2)) assert.ok(delay > 60 && delay < 110, `delay ${delay} ms`);
  assert.ok(largestStep < 0.04, `step ${largestStep}`);
});

test('finds the delay that jitter of any size needs, for any seed', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: 40 }), (seed, jitterMs) => {
      const { status, delays, largestStep } = play({ seed, seconds: 20, jitterMs, driftPpm: 0 });
      // On an ordered connection every late packet holds up the next ones. Part of the 20 s is late
      // while the buffer learns, and that part grows with the jitter.
      assert.ok(ms(status.late) < 200 + 20 * jitterMs, `late ${ms(status.late)} ms`);
      assert.ok(ms(status.concealed) < 600 + 20 * jitterMs, `concealed ${ms(status.concealed)} ms`);
      for (const delay of delays.slice(5))
        assert.ok(delay < 60 + 40 + jitterMs * 15 && delay > 60, `delay ${delay} ms, jitter ${jitterMs}`);
      // The change from one source of the signal to another is never steeper than voice itself.
      assert.ok(largestStep < 0.04, `step ${largestStep}`);
    }),
    {
      numRuns: 12,
      examples: [
        [21, 30],
        [-692901242, 39],
      ],
    },
  );
});

test('follows a sender whose clock is 500 ppm off, with no jump and no growing delay', () => {
  for (const driftPpm of [500, -500]) {
    const { status, delays } = play({ seed: 7, seconds: 240, jitterMs: 2, driftPpm });
    assert.equal(status.jumps, 0);
    assert.ok(ms(status.late) < 100, `late ${ms(status.late)} ms`);
    const [first, last] = [delays.slice(5, 15), delays.slice(-10)].map((some) => Math.max(...some)) as [number, number];
    assert.ok(Math.abs(last - first) < 40, `from ${first} to ${last} ms`);
  }
});

test('without a pause in the voice it follows the sender’s clock by its rate alone and leaves no audible seam', () => {
  for (const driftPpm of [500, -500]) {
    const { status, delays, largestStep } = play({ seed: 7, seconds: 120, jitterMs: 2, driftPpm, isEndless: true });
    assert.deepEqual([status.jumps, status.cut, status.stretched], [0, 0, 0]);
    const [first, last] = [delays.slice(5, 15), delays.slice(-10)].map((some) => Math.max(...some)) as [number, number];
    assert.ok(Math.abs(last - first) < 30, `from ${first} to ${last} ms`);
    assert.ok(largestStep < 0.05, `step ${largestStep}`);
  }
});

test('waits through a stall of the network, plays everything that was held up, and then works the delay off', () => {
  const { status, delays } = play({ seed: 3, seconds: 60, jitterMs: 2, driftPpm: 0, stallAtS: 10, stallMs: 300 });
  assert.equal(status.jumps, 0);
  assert.ok(ms(status.late) < 60, `late ${ms(status.late)} ms`);
  assert.ok((delays[12] ?? 0) > 200, `delay after the stall ${delays[12]} ms`);
  assert.ok((delays.at(-1) ?? 0) < 130, `delay at the end ${delays.at(-1)} ms`);
  assert.ok(status.cut > 0);
});

test('after seconds without frames it jumps to the line', () => {
  const { status, delays } = play({ seed: 3, seconds: 40, jitterMs: 2, driftPpm: 0, stallAtS: 10, stallMs: 3_000 });
  assert.ok(status.jumps >= 1);
  assert.ok((delays.at(-1) ?? 0) < 600, `delay at the end ${delays.at(-1)} ms`);
});

test('conceals lost packets at their positions and keeps the timeline', () => {
  const { status, delays, largestStep } = play({ seed: 9, seconds: 30, jitterMs: 2, driftPpm: 0, lossShare: 0.02 });
  assert.ok(ms(status.concealed) > 200 && ms(status.concealed) < 1_300, `concealed ${ms(status.concealed)} ms`);
  assert.equal(status.jumps, 0);
  for (const delay of delays.slice(2)) assert.ok(delay < 130, `delay ${delay} ms`);
  assert.ok(largestStep < 0.2, `step ${largestStep}`);
});

test('a muted voice does not hold motion up: playout continues with the poses, and voice returns in time', () => {
  const { status, delays, heardMs } = play({ seed: 4, seconds: 30, jitterMs: 2, driftPpm: 0, mutedS: [10, 20] });
  for (const delay of delays.slice(2)) assert.ok(delay < 250, `delay ${delay} ms`);
  assert.ok(ms(status.concealed) < 200, `concealed ${ms(status.concealed)} ms`);
  assert.ok(ms(status.late) < 100, `late ${ms(status.late)} ms`);
  assert.ok(heardMs > 11_000 && heardMs < 13_000, `heard ${heardMs} ms`);
});

test('renders silence before it has a line, and keeps the pitch at other device rates', () => {
  const buffer = createPlayoutBuffer(44_100, 1);
  const output = [new Float32Array(QUANTUM)];
  buffer.push(0, [new Float32Array(48_000).map((_, i) => Math.sin((2 * Math.PI * 441 * i) / 48_000))]);
  buffer.render(output, 0);
  assert.ok(output[0]?.every((value) => value === 0));
  buffer.follow({ position: 0, timeS: 0, horizon: 0 });
  const signal: number[] = [];
  for (let frame = 0; frame < 44_100 / 2; frame += QUANTUM) {
    buffer.render(output, frame / 44_100);
    signal.push(...(output[0] ?? []));
  }
  // 441 Hz at 44,100 is one period in 100 samples.
  for (let i = 1_000; i < 15_000; i++) assert.ok(Math.abs((signal[i] ?? 0) - (signal[i + 100] ?? 0)) < 0.02, `sample ${i}`);
});

test('uses nothing from outside itself: its text works in an empty realm, as the audio worklet needs', () => {
  const make = runInNewContext(playoutBufferSource) as typeof createPlayoutBuffer;
  const buffer = make(48_000, 2);
  buffer.push(0, [new Float32Array(4_800).fill(0.5), new Float32Array(4_800).fill(-0.5)]);
  buffer.follow({ position: 0, timeS: 0, horizon: 0 });
  const output = [new Float32Array(QUANTUM), new Float32Array(QUANTUM)];
  for (let frame = 0; frame < 9_600; frame += QUANTUM) buffer.render(output, frame / 48_000);
  assert.ok(buffer.status().concealed > 2_000);
  for (let frame = 0; frame < 1_280; frame += QUANTUM) {
    buffer.push(9_600 + frame, [new Float32Array(QUANTUM).fill(0.5), new Float32Array(QUANTUM).fill(-0.5)]);
    buffer.follow({ position: 9_600 + frame, timeS: frame / 48_000, horizon: 9_600 + frame });
    buffer.render(output, frame / 48_000);
  }
  assert.ok(Math.abs((output[0]?.at(-1) ?? 0) - 0.5) < 0.01 && Math.abs((output[1]?.at(-1) ?? 0) + 0.5) < 0.01);
});
