// Audio worklets are separate modules, fetched by URL. Ours are the text of self-contained
// functions and classes in blob: URLs, which works with bundlers, minifiers and plain packages. A
// page whose Content-Security-Policy forbids blob: in script-src serves the same text itself
// (captureWorkletSource, playoutWorkletSource) and passes its URL. So does an app that is compiled
// for less than ES2022: its compiler would replace class fields by helpers outside of the text.
import { type createPlayoutBuffer, type PlayoutLine, playoutBufferSource } from '../playout/playout-buffer.ts';

/**
 * The members of AudioWorkletGlobalScope (Web Audio API) that are used here; the DOM types leave
 * them out.
 */
interface WorkletScope {
  readonly sampleRate: number;
  readonly currentTime: number;
  readonly currentFrame: number;
  readonly AudioWorkletProcessor: new () => { readonly port: MessagePort };
  registerProcessor(name: string, processor: unknown): void;
}

/** Names under which the worklets register. */
export const CAPTURE_PROCESSOR = 'hayate-capture';
export const PLAYOUT_PROCESSOR = 'hayate-playout';

/** The messages to the playout worklet. */
export type PlayoutCommand = { push: { position: number; channels: Float32Array[] } } | { follow: PlayoutLine } | { stop: true };

function registerCapture(scope: WorkletScope, name: string, blockSamples: number): void {
  scope.registerProcessor(
    name,
    class extends scope.AudioWorkletProcessor {
      block = new Float32Array(blockSamples);
      filled = 0;
      position = 0;
      running = true;
      // If the browser does not convert the microphone to 48 kHz, interpolate linearly between two
      // samples.
      step = scope.sampleRate / 48_000;
      phase = 0;
      last = 0;

      constructor() {
        super();
        this.port.onmessage = () => {
          this.running = false;
        };
      }

      process(inputs: Float32Array[][]): boolean {
        const channel = inputs[0]?.[0];
        // Without input (the device pauses) time continues: the block gets silence.
        const length = channel?.length ?? 128;
        for (let i = 0; i < length; i++) {
          const sample = channel?.[i] ?? 0;
          for (; this.phase < 1; this.phase += this.step) this.add(this.last + (sample - this.last) * (this.step === 1 ? 1 : this.phase));
          this.phase -= 1;
          this.last = sample;
        }
        return this.running;
      }

      add(sample: number): void {
        this.block[this.filled++] = sample;
        if (this.filled < blockSamples) return;
        this.port.postMessage({ position: this.position, samples: this.block }, [this.block.buffer]);
        this.block = new Float32Array(blockSamples);
        this.position += blockSamples;
        this.filled = 0;
      }
    },
  );
}

function registerPlayout(scope: WorkletScope, name: string, create: typeof createPlayoutBuffer): void {
  scope.registerProcessor(
    name,
    class extends scope.AudioWorkletProcessor {
      buffer: ReturnType<typeof createPlayoutBuffer>;
      running = true;
      quanta = 0;

      constructor(options: { processorOptions: { channels: number } }) {
        super();
        this.buffer = create(scope.sampleRate, options.processorOptions.channels);
        this.port.onmessage = ({ data }: MessageEvent<PlayoutCommand>) => {
          if ('push' in data) this.buffer.push(data.push.position, data.push.channels);
          else if ('follow' in data) this.buffer.follow(data.follow);
          else this.running = false;
        };
      }

      process(_inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
        this.buffer.render(outputs[0] ?? [], scope.currentTime);
        // About every 20 ms.
        if (++this.quanta % 8 === 0) this.port.postMessage(this.buffer.status());
        return this.running;
      }
    },
  );
}

/** The capture worklet's module: posts { position, samples } for every 20 ms of input at 48 kHz. */
export const captureWorkletSource = `(${registerCapture})(globalThis, ${JSON.stringify(CAPTURE_PROCESSOR)}, 960);`;

/** The playout worklet's module: takes PlayoutCommand, posts PlayoutStatus. */
export const playoutWorkletSource = `(${registerPlayout})(globalThis, ${JSON.stringify(PLAYOUT_PROCESSOR)}, ${playoutBufferSource});`;

/** Loads a worklet module from its own URL if there is one, otherwise from its source. */
export async function addWorkletModule(context: BaseAudioContext, source: string, url?: string): Promise<void> {
  if (url !== undefined) {
    await context.audioWorklet.addModule(url);
    return;
  }
  const blobUrl = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  try {
    await context.audioWorklet.addModule(blobUrl);
  } finally {
    URL.revokeObjectURL(blobUrl);
  }
}
