import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';
import type { PlayoutStatus } from '../playout/playout-buffer.ts';
import { CAPTURE_PROCESSOR, captureWorkletSource, PLAYOUT_PROCESSOR, playoutWorkletSource } from './worklet-module.ts';

interface Processor<Message> {
  port: { posted: Message[]; onmessage: (event: { data: unknown }) => void };
  process(inputs: Float32Array[][], outputs: Float32Array[][]): boolean;
}

/**
 * Runs a module's text in a realm that has only the members of AudioWorkletGlobalScope that the
 * text may use.
 */
function load<Message>(
  source: string,
  name: string,
  sampleRate: number,
  options: object = {},
): { processor: Processor<Message>; scope: { currentTime: number } } {
  const processors = new Map<string, new (options: object) => Processor<Message>>();
  class AudioWorkletProcessor {
    port = {
      posted: [] as Message[],
      postMessage(message: Message) {
        this.posted.push(message);
      },
    };
  }
  const scope = {
    sampleRate,
    currentTime: 0,
    Float32Array,
    Uint8Array,
    AudioWorkletProcessor,
    registerProcessor: (registered: string, processor: new (options: object) => Processor<Message>) =>
      processors.set(registered, processor),
  };
  runInNewContext(source, scope);
  const Registered = processors.get(name);
  assert.ok(Registered !== undefined, `${name} is registered`);
  return { processor: new Registered(options), scope };
}

const sine = (hz: number, rate: number, index: number) => Math.sin((2 * Math.PI * hz * index) / rate);

test('the capture worklet’s text is self-contained and posts blocks of 20 ms with exact positions', () => {
  const { processor } = load<{ position: number; samples: Float32Array }>(captureWorkletSource, CAPTURE_PROCESSOR, 48_000);
  for (let at = 0; at < 4_800; at += 128) {
    const input = Float32Array.from({ length: 128 }, (_, i) => sine(440, 48_000, at + i));
    assert.equal(processor.process([[input]], []), true);
  }
  const blocks = processor.port.posted;
  assert.deepEqual(
    blocks.map(({ position }) => position),
    [0, 960, 1_920, 2_880, 3_840],
  );
  for (const { position, samples } of blocks)
    samples.forEach((value, i) => {
      assert.ok(Math.abs(value - sine(440, 48_000, position + i)) < 1e-6);
    });
  processor.port.onmessage({ data: 'stop' });
  assert.equal(processor.process([[]], []), false);
});

test('a 44.1 kHz microphone is resampled to 48 kHz with its pitch unchanged', () => {
  const { processor } = load<{ position: number; samples: Float32Array }>(captureWorkletSource, CAPTURE_PROCESSOR, 44_100);
  for (let at = 0; at < 44_100; at += 128)
    processor.process([[Float32Array.from({ length: 128 }, (_, i) => sine(441, 44_100, at + i))]], []);
  const signal = processor.port.posted.flatMap(({ samples }) => [...samples]);
  assert.ok(Math.abs(signal.length - 48_000) <= 960);
  // The input is silent before its first sample, so the output lags by one input sample.
  for (let i = 100; i < 40_000; i++) {
    const expected = sine(441, 44_100, (i * 44_100) / 48_000 - 1);
    assert.ok(Math.abs((signal[i] ?? 0) - expected) < 0.01, `sample ${i}: ${signal[i]}, not ${expected}`);
  }
});

test('the playout worklet’s text is self-contained, plays the samples it is sent and reports', () => {
  const options = { processorOptions: { channels: 1 } };
  const { processor, scope } = load<PlayoutStatus>(playoutWorkletSource, PLAYOUT_PROCESSOR, 48_000, options);
  processor.port.onmessage({ data: { push: { position: 4_800, channels: [new Float32Array(4_800).fill(0.25)] } } });
  for (let quantum = 0; quantum < 8; quantum++) processor.process([], [[new Float32Array(128)]]);
  assert.equal(processor.port.posted.pop()?.placed, false, 'it reports that it has no position yet');
  processor.port.onmessage({ data: { follow: { position: 4_800, timeS: 0, horizon: 0 } } });
  const output = new Float32Array(128);
  for (let quantum = 0; quantum < 24; quantum++) {
    scope.currentTime = (quantum * 128) / 48_000;
    assert.equal(processor.process([], [[output]]), true);
  }
  assert.ok(output.every((value) => Math.abs(value - 0.25) < 1e-6));
  const status = processor.port.posted.at(-1);
  assert.equal(processor.port.posted.length, 3);
  assert.ok(Math.abs((status?.position ?? 0) - 4_800 - 24 * 128) < 2);
  processor.port.onmessage({ data: { stop: true } });
  assert.equal(processor.process([], [[output]]), false);
});
