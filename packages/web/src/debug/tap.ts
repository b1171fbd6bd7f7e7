// Records an audio node: its samples, mono, with the time at which the graph renders them, into a
// SoundRecording.
import { SoundRecording } from './sound-recording.ts';

const processorName = 'hayate-tap';
const blockQuanta = 8;
const quantumSamples = 128;

/** The worklet's module: posts { frame, samples } every eight render quanta, silence included. */
const source = `registerProcessor('${processorName}', class extends AudioWorkletProcessor {
  block = new Float32Array(${blockQuanta * quantumSamples});
  filled = 0;
  process([input]) {
    const channels = input ?? [];
    for (let i = 0; i < ${quantumSamples}; i++) {
      let sum = 0;
      for (const channel of channels) sum += channel[i] ?? 0;
      this.block[this.filled++] = channels.length ? sum / channels.length : 0;
    }
    if (this.filled === this.block.length) {
      this.port.postMessage({ frame: currentFrame + ${quantumSamples} - this.filled, samples: this.block });
      this.filled = 0;
    }
    return true;
  }
});`;

/** Records the sound that passes `node`. Resolves when recording has started. */
export async function tap(node: AudioNode): Promise<SoundRecording> {
  const { context } = node;
  const recording = new SoundRecording(context.sampleRate);
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  await context.audioWorklet.addModule(url);
  URL.revokeObjectURL(url);
  const listener = new AudioWorkletNode(context, processorName, { numberOfOutputs: 1 });
  // How far the wall clock is ahead of the device's clock, from the fastest message so far.
  let aheadMs = Number.POSITIVE_INFINITY;
  let next = -1;
  listener.port.onmessage = ({ data }: MessageEvent<{ frame: number; samples: Float32Array }>) => {
    const { frame, samples } = data;
    const frameMs = (at: number) => (at * 1000) / context.sampleRate;
    if (next !== frame) {
      recording.clear();
      aheadMs = Number.POSITIVE_INFINITY;
    }
    next = frame + samples.length;
    aheadMs = Math.min(aheadMs, performance.timeOrigin + performance.now() - frameMs(next));
    recording.add(samples, frameMs(frame) + aheadMs);
  };
  context.addEventListener('statechange', () => {
    next = -1;
  });
  node.connect(listener);
  // A browser may never run a worklet that is connected to nothing. This one outputs silence.
  listener.connect(context.destination);
  return recording;
}
