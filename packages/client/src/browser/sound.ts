// The audio graph's frame: a context with the playout worklet, a volume, and two clocks of the device, rendering and
// hearing, each by the local monotonic clock.
import { ClientError } from '../client-error.ts';
import { WindowedMinimum } from '../playout/windowed-minimum.ts';
import { missingSentence, OPUS } from './browser-support.ts';
import { addWorkletModule, playoutWorkletSource } from './worklet-module.ts';

/** An open way to the speaker. */
export interface Sound {
  readonly context: AudioContext;
  readonly gain: GainNode;
  setGain(gain: number): void;
  /** Device time that is being rendered at `nowMs` of the local clock, seconds. */
  renderTimeS(nowMs: number): number;
  /** Device time that is being heard then. */
  heardTimeS(nowMs: number): number;
  close(): void;
}

/** currentTime moves in steps of the device's buffer; the largest of the last seconds' readings is right. */
const CLOCK_WINDOW_MS = 4_000;
/** Volume changes take this long, or they click, seconds. */
const GAIN_RAMP_S = 0.02;

/** Opens the sound; `onChange` is called when the browser starts or stops it. Rejects with ClientError UNSUPPORTED. */
export async function openSound(options: { context?: AudioContext; workletUrl?: string }, onChange: () => void): Promise<Sound> {
  if (!globalThis.isSecureContext) throw new ClientError('UNSUPPORTED', missingSentence('secure-context'));
  if (!('AudioWorkletNode' in globalThis)) throw new ClientError('UNSUPPORTED', missingSentence('audio-worklet'));
  const supported =
    'AudioDecoder' in globalThis &&
    (await AudioDecoder.isConfigSupported(OPUS).then(
      (answer) => answer.supported === true,
      () => false,
    ));
  if (!supported) throw new ClientError('UNSUPPORTED', missingSentence('audio-decoder'));
  const context = options.context ?? new AudioContext({ sampleRate: OPUS.sampleRate, latencyHint: 'interactive' });
  await addWorkletModule(context, playoutWorkletSource, options.workletUrl);
  const gain = context.createGain();
  gain.connect(context.destination);
  const lead = new WindowedMinimum(CLOCK_WINDOW_MS);
  context.addEventListener('statechange', () => {
    lead.clear();
    onChange();
  });
  const renderTimeS = (nowMs: number) => {
    lead.add(nowMs / 1000 - context.currentTime, nowMs);
    return nowMs / 1000 - (lead.value ?? 0);
  };
  return {
    context,
    gain,
    setGain: (value) => gain.gain.setTargetAtTime(value, context.currentTime, GAIN_RAMP_S / 3),
    renderTimeS,
    heardTimeS: (nowMs) => renderTimeS(nowMs) - outputLatencyS(context),
    close: () => {
      gain.disconnect();
      if (options.context === undefined) void context.close();
    },
  };
}

/** From rendering to the ear, as far as the browser knows it. */
function outputLatencyS(context: AudioContext): number {
  return context.outputLatency || context.baseLatency || 0;
}
