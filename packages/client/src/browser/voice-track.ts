// One participant's voice: Opus packets in, sound into the audio graph. Packets are decoded on
// arrival. The worklet decides when a sample is played, from the line it is given. The track knows
// which position is heard at any time. At a speed other than 1 the worklet gets stretched voice and
// counts stretched samples; all other code counts positions.
import { opusPacketSamples } from '@hayate/protocol';
import type { PlayoutLine, PlayoutStatus } from '../playout/playout-buffer.ts';
import { PositionClock } from '../playout/position-clock.ts';
import { TimeStretch } from '../playout/time-stretch.ts';
import type { AudioFrame } from '../viewer/viewer-api.ts';
import { OPUS } from './browser-support.ts';
import { PLAYOUT_PROCESSOR, type PlayoutCommand } from './worklet-module.ts';

interface VoiceTrackOptions {
  context: AudioContext;
  destination: AudioNode;
  channels: number;
  /** Playback speed at unchanged pitch: 0.5 to 4. */
  speed: number;
  /** Voice of this position is ready to play. */
  onDecoded: (position: number) => void;
  onStatus: () => void;
}

/** Packets that may wait in the decoder, at speed 1: 2 s of 20 ms packets. */
const DECODER_QUEUE_MAX = 100;

/** Plays one voice. */
export class VoiceTrack {
  readonly positions = new PositionClock();
  readonly #options: VoiceTrackOptions;
  readonly #node: AudioWorkletNode;
  readonly #stretch: TimeStretch;
  #decoder: AudioDecoder | undefined;
  #status: PlayoutStatus | undefined;
  #next: number | undefined;
  /**
   * Samples given to the current decoder. The count ignores holes, so runs without holes map it to
   * positions.
   */
  #decoderSamples = 0;
  #runs: { from: number; shift: number }[] = [];
  #lostSamples = 0;
  #closed = false;

  /** The context must have the playout worklet's module. */
  constructor(options: VoiceTrackOptions) {
    this.#options = options;
    this.#stretch = new TimeStretch(options.speed, options.channels);
    this.#node = new AudioWorkletNode(options.context, PLAYOUT_PROCESSOR, {
      numberOfInputs: 0,
      outputChannelCount: [options.channels],
      processorOptions: { channels: options.channels },
    });
    this.#node.port.onmessage = ({ data }: MessageEvent<PlayoutStatus>) => {
      this.#status = data;
      options.onStatus();
    };
    this.#node.connect(options.destination);
  }

  /** The worklet's latest report; undefined before the first. */
  get status(): PlayoutStatus | undefined {
    return this.#status;
  }

  /** 48 kHz samples in the holes left by lost frames. */
  get lostSamples(): number {
    return this.#lostSamples;
  }

  /** Takes a frame. `missing`: frames were lost before it, so a hole is a loss and not a pause. */
  play(frame: AudioFrame, missing: boolean): void {
    if (missing && this.#next !== undefined && frame.position > this.#next) this.#lostSamples += frame.position - this.#next;
    this.positions.add(frame.position, frame.captureUs);
    const decoder = this.#usableDecoder();
    let position = frame.position;
    for (const packet of frame.packets) {
      const samples = opusPacketSamples(packet);
      if (decoder.decodeQueueSize < DECODER_QUEUE_MAX * Math.max(1, this.#stretch.speed)) {
        const shift = position - this.#decoderSamples;
        if (this.#runs.at(-1)?.shift !== shift) this.#runs.push({ from: this.#decoderSamples, shift });
        const timestamp = Math.round((this.#decoderSamples * 1000) / 48);
        decoder.decode(new EncodedAudioChunk({ type: 'key', timestamp, data: packet.slice() }));
        this.#decoderSamples += samples;
      } else this.#lostSamples += samples;
      position += samples;
    }
    this.#next = position;
  }

  /** Sets the line to follow: a position at a device time. */
  follow({ position, timeS, horizon }: PlayoutLine): void {
    const { speed } = this.#stretch;
    this.#send({ follow: { position: position / speed, timeS, horizon: horizon / speed } });
  }

  /**
   * The position rendered at device time `timeS`, from the latest report; undefined before the
   * first voice is placed.
   */
  positionAt(timeS: number): number | undefined {
    if (!this.#status?.placed) return undefined;
    const { position, timeS: reportedS, rate } = this.#status;
    return (position + (timeS - reportedS) * 48_000 * rate) * this.#stretch.speed;
  }

  close(): void {
    this.#closed = true;
    this.#node.port.onmessage = null;
    this.#send({ stop: true });
    this.#node.disconnect();
    if (this.#decoder !== undefined && this.#decoder.state !== 'closed') this.#decoder.close();
  }

  #usableDecoder(): AudioDecoder {
    if (this.#decoder !== undefined && this.#decoder.state !== 'closed') return this.#decoder;
    const decoder = new AudioDecoder({
      output: (data) => this.#decoded(data),
      // A decoder that fails is closed; the next packet gets a new one.
      error: () => {},
    });
    decoder.configure({ ...OPUS, numberOfChannels: this.#options.channels });
    this.#decoder = decoder;
    this.#decoderSamples = 0;
    this.#runs = [];
    return decoder;
  }

  #decoded(data: AudioData): void {
    const position = this.#positionOf(Math.round((data.timestamp * 48) / 1000));
    const channels = Array.from({ length: data.numberOfChannels }, (_, planeIndex) => {
      const samples = new Float32Array(data.numberOfFrames);
      data.copyTo(samples, { planeIndex, format: 'f32-planar' });
      return samples;
    });
    data.close();
    if (this.#closed) return;
    for (const push of this.#stretch.push({ position, channels }))
      this.#send(
        { push },
        push.channels.map((samples) => samples.buffer),
      );
    this.#options.onDecoded(position);
  }

  /** The position of the decoder's sample `decoderSample`. */
  #positionOf(decoderSample: number): number {
    while ((this.#runs[1]?.from ?? Number.POSITIVE_INFINITY) <= decoderSample) this.#runs.shift();
    return decoderSample + (this.#runs[0]?.shift ?? 0);
  }

  #send(command: PlayoutCommand, transfer: Transferable[] = []): void {
    this.#node.port.postMessage(command, transfer);
  }
}
