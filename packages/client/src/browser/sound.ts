// The frame of the audio graph: a context with the playout worklet, a volume, and two device clocks
// (rendering and hearing), each mapped from the local monotonic clock.
import { WindowedMinimum } from '../playout/windowed-minimum.ts';
import { decodesOpus, OPUS, requireAudioWorklets, unsupported } from './browser-support.ts';
import { addWorkletModule, playoutWorkletSource } from './worklet-module.ts';

/** An open audio output. */
export interface Sound {
  readonly context: AudioContext;
  readonly gain: GainNode;
  setGain(gain: number): void;
  /** The device time being rendered at `nowMs` of the local clock, seconds. */
  renderTimeS(nowMs: number): number;
  /** The device time being heard at `nowMs` of the local clock, seconds. */
  heardTimeS(nowMs: number): number;
  close(): void;
}

/**
 * currentTime moves in steps of the device's buffer; the largest reading of the last seconds is the
 * right one.
 */
const CLOCK_WINDOW_MS = 4_000;
/** Duration of a volume change, seconds; without a ramp it would click. */
const GAIN_RAMP_S = 0.02;

/**
 * Opens the sound; `onChange` is called when the browser starts or stops it. Rejects with
 * ClientError UNSUPPORTED.
 */
export async function openSound(options: { context?: AudioContext; workletUrl?: string }, onChange: () => void): Promise<Sound> {
  requireAudioWorklets();
  if (!(await decodesOpus())) throw unsupported('audio-decoder');
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

/** The delay from rendering to the ear, as far as the browser knows it. */
function outputLatencyS(context: AudioContext): number {
  return context.outputLatency || context.baseLatency || 0;
}
