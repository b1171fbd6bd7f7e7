import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SoundRecording } from './sound-recording.ts';

test('keeps the samples and the time of the first one', () => {
  const recording = new SoundRecording(1_000);
  recording.add(Float32Array.of(1, 2, 3), 5_000);
  recording.add(Float32Array.of(4, 5), 5_003);
  assert.deepEqual([...recording.samples()], [1, 2, 3, 4, 5]);
  assert.equal(recording.startUnixMs, 5_000);
  assert.equal(recording.seconds, 0.005);
});

test('after a minute the oldest samples are dropped and the time moves with them', () => {
  const recording = new SoundRecording(100);
  for (let second = 0; second < 70; second++) recording.add(new Float32Array(100).fill(second), second * 1000);
  const samples = recording.samples();
  assert.equal(samples.length, 6_000);
  assert.equal(samples[0], 10);
  assert.equal(samples.at(-1), 69);
  assert.equal(recording.startUnixMs, 10_000);
  assert.equal(recording.seconds, 60);
});
