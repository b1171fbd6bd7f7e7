// The browser features that broadcasting and watching need, and one sentence for each missing
// feature. There is no fallback codec: only WebCodecs encodes and decodes voice.
import { ClientError } from '../client-error.ts';

export type BrowserFeature = 'secure-context' | 'websocket' | 'audio-worklet' | 'audio-decoder' | 'audio-encoder' | 'microphone' | 'webgl2';

export interface MissingFeature {
  feature: BrowserFeature;
  /** One sentence for people: the missing feature and the remedy. */
  sentence: string;
}

/** The codec that Hayate uses for voice, in WebCodecs' terms. */
export const OPUS = { codec: 'opus', sampleRate: 48_000, numberOfChannels: 1 } as const;

const SENTENCES: Readonly<Record<BrowserFeature, string>> = {
  'secure-context': 'This page is not secure: open it over https:// or on localhost, otherwise the browser blocks sound and microphone.',
  websocket: 'This browser has no WebSocket, so it cannot connect: use a current Chrome, Edge, Firefox or Safari.',
  'audio-worklet': 'This browser has no AudioWorklet, so it cannot play the voice: use a current Chrome, Edge, Firefox or Safari.',
  'audio-decoder':
    'This browser cannot decode Opus with WebCodecs, so it cannot play the voice: use a current Chrome, Edge or Firefox, or Safari 26.',
  'audio-encoder':
    'This browser cannot encode Opus with WebCodecs, so it cannot broadcast voice: use a current Chrome, Edge or Firefox, or Safari 26.',
  microphone: 'This browser does not give pages access to a microphone: use a current Chrome, Edge, Firefox or Safari.',
  webgl2: 'This browser has no WebGL 2, so it cannot draw the avatar: turn hardware acceleration on, or use another browser.',
};

/**
 * The features that this browser lacks for `task`, most basic first; empty if it has them all.
 * Never rejects.
 */
export async function browserSupport(task: 'watch' | 'broadcast'): Promise<MissingFeature[]> {
  const missing: BrowserFeature[] = [];
  if (!globalThis.isSecureContext) missing.push('secure-context');
  if (!('WebSocket' in globalThis)) missing.push('websocket');
  if (!hasWebGl2()) missing.push('webgl2');
  // An insecure context hides the other features, so this one sentence is enough.
  if (globalThis.isSecureContext) {
    if (!('AudioWorkletNode' in globalThis)) missing.push('audio-worklet');
    if (!(await decodesOpus())) missing.push('audio-decoder');
    if (task === 'broadcast') {
      if (!(await encodesOpus())) missing.push('audio-encoder');
      if (globalThis.navigator?.mediaDevices?.getUserMedia === undefined) missing.push('microphone');
    }
  }
  return missing.map((feature) => ({ feature, sentence: SENTENCES[feature] }));
}

/** The error UNSUPPORTED for a feature that is missing. */
export function unsupported(feature: BrowserFeature): ClientError {
  return new ClientError('UNSUPPORTED', SENTENCES[feature]);
}

/** Throws ClientError UNSUPPORTED if this page cannot run audio worklets. */
export function requireAudioWorklets(): void {
  if (!globalThis.isSecureContext) throw unsupported('secure-context');
  if (!('AudioWorkletNode' in globalThis)) throw unsupported('audio-worklet');
}

/** Whether this browser decodes Hayate's voice. Never rejects. */
export async function decodesOpus(): Promise<boolean> {
  return 'AudioDecoder' in globalThis && isSupported(AudioDecoder.isConfigSupported(OPUS));
}

/** Whether this browser encodes voice with `config`. Never rejects. */
export async function encodesOpus(config: AudioEncoderConfig = { ...OPUS, bitrate: 48_000 }): Promise<boolean> {
  return 'AudioEncoder' in globalThis && isSupported(AudioEncoder.isConfigSupported(config));
}

function isSupported(answer: Promise<{ supported?: boolean }>): Promise<boolean> {
  return answer.then(
    ({ supported }) => supported === true,
    () => false,
  );
}

function hasWebGl2(): boolean {
  try {
    const context = document.createElement('canvas').getContext('webgl2');
    context?.getExtension('WEBGL_lose_context')?.loseContext();
    return context !== null;
  } catch {
    return false;
  }
}
