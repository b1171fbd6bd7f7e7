// A microphone in; out come Opus packets of 20 ms with exact positions and loudness, and the PCM
// for lip shapes. The position is the device's own sample count. A packet that is not sent (muted,
// encoder too slow) leaves a hole and never shifts the others.

import type { AudioFormat } from '../broadcaster/broadcaster-api.ts';
import { ClientError } from '../client-error.ts';
import { type Clock, monotonicClock } from '../connection/clock.ts';
import { Emitter } from '../emitter.ts';
import { audioLevel } from '../performer/audio-level.ts';
import { WindowedMinimum } from '../playout/windowed-minimum.ts';
import { encodesOpus, OPUS, requireAudioWorklets, unsupported } from './browser-support.ts';
import { microphoneError } from './device-error.ts';
import { addWorkletModule, CAPTURE_PROCESSOR, captureWorkletSource } from './worklet-module.ts';

export interface MicrophoneOptions {
  /** The device to use. Default: the browser's choice. */
  deviceId?: string;
  /** Opus bit rate, bits per second. Default 48,000. */
  bitsPerSecond?: number;
  /** Each of these defaults to true. */
  echoCancellation?: boolean;
  noiseSuppression?: boolean;
  autoGainControl?: boolean;
  /** Default: performance.now(). Pass the Broadcaster's clock if it has its own. */
  clock?: Clock;
  /**
   * URL of the capture worklet, for pages whose CSP forbids blob: scripts, and for apps that are
   * compiled for less than ES2022. Default: a blob: URL.
   */
  workletUrl?: string;
}

/** 20 ms of microphone sound, before encoding. */
export interface PcmBlock {
  /** 960 mono samples at 48 kHz; the listener may keep them. */
  samples: Float32Array<ArrayBuffer>;
  /** Of the first sample, on the capture's timeline (0 when it started). */
  position: number;
  /** When the first sample was captured, milliseconds of the clock. */
  captureMs: number;
  /** Loudness as in RFC 6464: 0 (loudest) to 127 (silence). */
  level: number;
}

/**
 * One encoded packet:
 * `broadcaster.sendAudio({ ...packet, captureUs: broadcaster.captureUsAt(packet.captureMs) })`.
 */
export interface MicrophonePacket {
  packets: [Uint8Array];
  position: number;
  level: number;
  /** When its first sample was captured, milliseconds of the clock. */
  captureMs: number;
}

export interface MicrophoneEvents {
  /** Every block, also while muted: for lip shapes and level meters. */
  pcm: PcmBlock;
  /** Every encoded packet; none while muted. */
  packet: MicrophonePacket;
  /** The microphone was lost or the encoder failed; capture has stopped. */
  error: ClientError;
}

export interface MicrophoneStatistics {
  packets: number;
  /** Blocks that were dropped because the encoder was too slow. */
  dropped: number;
}

/** 20 ms at 48 kHz. */
const BLOCK_SAMPLES = 960;
const BITS_PER_SECOND = 48_000;
/**
 * Blocks that may wait in the encoder: 1 s. After a busy second of the page, that many arrive at
 * once.
 */
const ENCODER_QUEUE_MAX = 50;
/**
 * Over this window the capture clock follows the device, which drifts, and stops for a moment when
 * the machine is busy. Until the clock has followed, voice counts as captured too early.
 */
const CLOCK_WINDOW_MS = 2_000;

interface Graph {
  stream: MediaStream;
  context: AudioContext;
  node: AudioWorkletNode;
  encoder: AudioEncoder;
}

/**
 * Turns a microphone into Opus packets. Use an instance once; make another for another microphone.
 */
export class MicrophoneCapture extends Emitter<MicrophoneEvents> {
  /**
   * For BroadcasterOptions.audio: mono, with libopus' look-ahead at 48 kHz, as browsers' encoders
   * have it.
   */
  static readonly format: AudioFormat = { channels: 1, preSkip: 312, inputSampleRate: 48_000 };
  readonly #options: MicrophoneOptions;
  readonly #clock: Clock;
  /** Clock time minus position, milliseconds: the smallest delay with which blocks arrive. */
  readonly #base = new WindowedMinimum(CLOCK_WINDOW_MS);
  /** Blocks in the encoder, oldest first. */
  readonly #encoding: { position: number; captureMs: number; level: number }[] = [];
  #graph: Graph | undefined;
  #stopped = false;
  /** Blocks given to the encoder. */
  #encoded = 0;
  #packets = 0;
  #dropped = 0;

  /** While true nothing is encoded; `pcm` events continue. */
  muted = false;

  constructor(options: MicrophoneOptions = {}) {
    super();
    this.#options = options;
    this.#clock = options.clock ?? monotonicClock;
  }

  get stats(): MicrophoneStatistics {
    return { packets: this.#packets, dropped: this.#dropped };
  }

  /** The device's label; empty before start() has resolved. */
  get deviceLabel(): string {
    return this.#graph?.stream.getAudioTracks()[0]?.label ?? '';
  }

  /**
   * Asks for the microphone and starts. Rejects with ClientError DEVICE or UNSUPPORTED, whose
   * message is for people.
   */
  async start(): Promise<void> {
    requireAudioWorklets();
    if (globalThis.navigator?.mediaDevices?.getUserMedia === undefined) throw unsupported('microphone');
    const encoder = await this.#openEncoder();
    const { echoCancellation = true, noiseSuppression = true, autoGainControl = true, deviceId } = this.#options;
    const device = deviceId === undefined ? {} : { deviceId: { exact: deviceId } };
    const audio = { channelCount: 1, echoCancellation, noiseSuppression, autoGainControl, ...device };
    const stream = await navigator.mediaDevices.getUserMedia({ audio }).catch((cause: unknown) => {
      encoder.close();
      throw microphoneError(cause);
    });
    const { context, source } = openSource(stream);
    try {
      await addWorkletModule(context, captureWorkletSource, this.#options.workletUrl);
      const node = new AudioWorkletNode(context, CAPTURE_PROCESSOR, { numberOfOutputs: 1, channelCount: 1, channelCountMode: 'explicit' });
      this.#graph = { stream, context, node, encoder };
      if (this.#stopped) throw new ClientError('DEVICE', 'The microphone was stopped.');
      node.port.onmessage = ({ data }: MessageEvent<{ position: number; samples: Float32Array<ArrayBuffer> }>) =>
        this.#take(data.position, data.samples);
      source.connect(node);
      // A browser may never run a worklet that is connected to nothing. This one outputs silence.
      node.connect(context.destination);
      stream.getAudioTracks()[0]?.addEventListener('ended', () => this.#fail('The microphone was disconnected.'));
      await context.resume();
    } catch (cause) {
      stopTracks(stream);
      this.stop();
      if (context.state !== 'closed') await context.close();
      if (encoder.state !== 'closed') encoder.close();
      throw cause instanceof ClientError ? cause : new ClientError('DEVICE', 'The microphone could not be started.', { cause });
    }
  }

  /** Stops and releases the microphone. */
  stop(): void {
    this.#stopped = true;
    const graph = this.#graph;
    if (graph === undefined) return;
    this.#graph = undefined;
    graph.node.port.onmessage = null;
    graph.node.port.postMessage('stop');
    stopTracks(graph.stream);
    if (graph.encoder.state !== 'closed') graph.encoder.close();
    void graph.context.close();
  }

  async #openEncoder(): Promise<AudioEncoder> {
    const config: AudioEncoderConfig = {
      ...OPUS,
      bitrate: this.#options.bitsPerSecond ?? BITS_PER_SECOND,
      opus: { frameDuration: 20_000 },
    };
    if (!(await encodesOpus(config))) throw unsupported('audio-encoder');
    const encoder = new AudioEncoder({
      output: (chunk) => this.#takePacket(chunk),
      error: (error) => this.#fail(`The voice could not be encoded: ${error.message}`),
    });
    encoder.configure(config);
    return encoder;
  }

  #take(position: number, samples: Float32Array<ArrayBuffer>): void {
    const graph = this.#graph;
    if (graph === undefined) return;
    const nowMs = this.#clock.nowMs();
    const positionMs = position / 48;
    this.#base.add(nowMs - positionMs - BLOCK_SAMPLES / 48, nowMs);
    const captureMs = positionMs + (this.#base.value ?? 0);
    const level = audioLevel(samples);
    if (!this.muted) this.#encode(graph.encoder, samples, { position, captureMs, level });
    this.emit('pcm', { samples, position, captureMs, level });
  }

  #encode(encoder: AudioEncoder, samples: Float32Array<ArrayBuffer>, block: { position: number; captureMs: number; level: number }): void {
    if (encoder.encodeQueueSize >= ENCODER_QUEUE_MAX) {
      this.#dropped++;
      return;
    }
    const data = new AudioData({
      format: 'f32-planar',
      sampleRate: OPUS.sampleRate,
      numberOfFrames: BLOCK_SAMPLES,
      numberOfChannels: 1,
      // The encoder's timestamps have no holes: it need not know about skipped blocks.
      timestamp: this.#encoded * 20_000,
      data: samples,
    });
    this.#encoded++;
    this.#encoding.push(block);
    encoder.encode(data);
    data.close();
  }

  /**
   * One packet comes out for each block that went in, in order: a packet holds exactly one block.
   */
  #takePacket(chunk: EncodedAudioChunk): void {
    const block = this.#encoding.shift();
    if (block === undefined) return;
    const packet = new Uint8Array(chunk.byteLength);
    chunk.copyTo(packet);
    this.#packets++;
    this.emit('packet', { packets: [packet], ...block });
  }

  #fail(sentence: string): void {
    if (this.#graph === undefined) return;
    this.stop();
    this.emit('error', new ClientError('DEVICE', sentence));
  }
}

/**
 * A context for the microphone: at 48 kHz, or at the device's rate if the browser does not convert.
 */
function openSource(stream: MediaStream): { context: AudioContext; source: MediaStreamAudioSourceNode } {
  const latencyHint = 'interactive';
  const context = new AudioContext({ sampleRate: OPUS.sampleRate, latencyHint });
  try {
    return { context, source: context.createMediaStreamSource(stream) };
  } catch {
    void context.close();
    const own = new AudioContext({ latencyHint });
    return { context: own, source: own.createMediaStreamSource(stream) };
  }
}

function stopTracks(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}
