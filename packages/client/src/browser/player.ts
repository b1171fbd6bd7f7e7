// Turns the frames of a Viewer or a Replay into sound and poses. Voice and motion follow one media
// line, which is estimated from arrivals or given by the replay. While voice is heard, the pose
// shown is the one captured with it. Without voice, or while the browser blocks sound, motion
// follows the line directly.
import { createPose, type Pose } from '@hayate/protocol';
import { ClientError } from '../client-error.ts';
import { Emitter, type Unsubscribe } from '../emitter.ts';
import type { JitterOptions } from '../playout/arrival-jitter.ts';
import { MediaLine } from '../playout/media-line.ts';
import type { MediaSource } from '../playout/media-source.ts';
import { MotionTimeline } from '../playout/motion-timeline.ts';
import { SteeredClock } from '../playout/steered-clock.ts';
import { LatencyWindow } from '../viewer/latency-window.ts';
import type { AudioFrame, MotionFrame } from '../viewer/viewer-api.ts';
import { unsupported } from './browser-support.ts';
import { openSound, type Sound } from './sound.ts';
import { VoiceTrack } from './voice-track.ts';

export interface PlayerOptions {
  /** Default: a context of its own at 48 kHz, which close() closes. */
  context?: AudioContext;
  /** 0 to 1. Default 1. */
  volume?: number;
  muted?: boolean;
  /** Poses only, no sound: no AudioContext is made. For thumbnails. Default false. */
  motionOnly?: boolean;
  /**
   * URL of the playout worklet, for pages whose CSP forbids blob: scripts, and for apps that are
   * compiled for less than ES2022. Default: a blob: URL.
   */
  workletUrl?: string;
  /** Bounds of the jitter buffer. */
  jitter?: JitterOptions;
  /** False: poseAt returns only received poses, never interpolated ones. Default true. */
  interpolate?: boolean;
}

/**
 * 'blocked': the browser waits for a tap before it plays sound. With motionOnly, there is no sound
 * at all.
 */
export type PlayerState = 'blocked' | 'playing';

export interface PlayerEvents {
  /**
   * 'blocked': offer "tap to hear" and call resume() from the tap. Motion plays in the meantime.
   */
  state: { state: PlayerState };
  /** The sound cannot be played, and why; motion continues. */
  error: ClientError;
}

export interface PlayerStatistics {
  /**
   * Capture to playout over the last seconds, and its largest clock error, milliseconds; undefined
   * before the first.
   */
  latency: { p50Ms: number; p99Ms: number; errorMs: number } | undefined;
  /** Voice decoded and not yet played, milliseconds. */
  bufferMs: number;
  /** The delay that the jitter buffer aims at, milliseconds. */
  targetMs: number;
  /** Voice that was lost on the way, milliseconds. */
  lostMs: number;
  /** Voice that was concealed because it was missing when its time came, milliseconds. */
  concealedMs: number;
  /** Voice that arrived after its time, milliseconds. */
  lateMs: number;
}

/** After this much silence, voice no longer leads motion. */
const VOICE_ABSENT_MS = 3_000;
/**
 * Voice is sent at most this much later than a pose of the same moment, because of encoder and
 * packet.
 */
const VOICE_LAG_MS = 100;
const FOLLOW_INTERVAL_MS = 40;
/** Participants that can be heard at once. */
const VOICES_MAX = 16;
const LATENCY_SAMPLES = 500;

/**
 * Plays the frames of a Viewer or a Replay. Make it before you call viewer.connect() or
 * replay.open().
 */
export class Player extends Emitter<PlayerEvents> {
  readonly #source: MediaSource;
  readonly #options: PlayerOptions;
  readonly #line: MediaLine;
  readonly #clock = new SteeredClock();
  readonly #timeline: MotionTimeline;
  readonly #voices = new Map<number, VoiceTrack>();
  readonly #poses = new Map<number, Pose>();
  readonly #latency = new LatencyWindow(LATENCY_SAMPLES);
  readonly #subscriptions: Unsubscribe[];
  #sound: Sound | undefined;
  #voiceMs = Number.NEGATIVE_INFINITY;
  #motionUs = 0;
  #missing = 0;
  #followedMs = 0;
  #followDue = false;
  #closed = false;
  #muted: boolean;
  #volume: number;
  #closedVoices = { lostMs: 0, concealedMs: 0, lateMs: 0 };

  constructor(source: MediaSource, options: PlayerOptions = {}) {
    super();
    this.#source = source;
    this.#options = options;
    this.#line = new MediaLine(options.jitter);
    this.#timeline = new MotionTimeline({ interpolate: options.interpolate ?? true });
    this.#muted = options.muted ?? false;
    this.#volume = options.volume ?? 1;
    this.#subscriptions = [
      source.on('epoch', () => this.#restart(true)),
      source.on('state', ({ state }) => {
        if (source.playback !== undefined) this.#closeVoices();
        else if (state === 'live') this.#restart(false);
      }),
      source.on('motion', (frame) => this.#takeMotion(frame)),
      source.on('audio', (frame) => this.#takeAudio(frame)),
    ];
    if (!options.motionOnly) this.#openSound();
  }

  /** With motionOnly always 'blocked'. */
  get state(): PlayerState {
    return this.#sound?.context.state === 'running' ? 'playing' : 'blocked';
  }

  get muted(): boolean {
    return this.#muted;
  }

  set muted(muted: boolean) {
    this.#muted = muted;
    this.#sound?.setGain(muted ? 0 : this.#volume);
  }

  /** 0 to 1. */
  get volume(): number {
    return this.#volume;
  }

  set volume(volume: number) {
    this.#volume = Math.min(1, Math.max(0, volume));
    this.muted = this.#muted;
  }

  /**
   * The node that carries all sound, after volume, for analysers; undefined with motionOnly or
   * without sound.
   */
  get output(): AudioNode | undefined {
    return this.#sound?.gain;
  }

  /** A snapshot of the statistics. */
  get stats(): PlayerStatistics {
    const [p50Ms, p99Ms] = [this.#latency.percentile(0.5), this.#latency.percentile(0.99)];
    const errorMs = this.#source.ageOf(0)?.errorMs ?? 0;
    let buffered = 0;
    for (const { status } of this.#voices.values()) buffered = Math.max(buffered, status?.buffered ?? 0);
    return {
      latency: p50Ms === undefined || p99Ms === undefined ? undefined : { p50Ms, p99Ms, errorMs },
      bufferMs: buffered / 48,
      targetMs: this.#source.playback === undefined ? this.#line.targetMs(this.#source.clock.nowMs()) : 0,
      ...this.#counted(),
    };
  }

  /**
   * Starts the sound; call it from a tap or key press. Resolves when it plays; rejects with
   * ClientError UNSUPPORTED without sound.
   */
  async resume(): Promise<void> {
    if (this.#sound === undefined) throw unsupported('audio-worklet');
    await this.#sound.context.resume();
  }

  /** Participants whose poses are known, ascending. */
  participants(): number[] {
    return this.#timeline.participants();
  }

  /**
   * The pose to draw now: the one that belongs to the voice being heard. Undefined before the
   * participant's first pose. The next call for the same participant writes the same object again.
   */
  poseAt(participant = 0): Pose | undefined {
    const mediaMs = this.#mediaMs();
    if (mediaMs === undefined) return undefined;
    let pose = this.#poses.get(participant);
    if (pose === undefined) {
      pose = createPose();
      this.#poses.set(participant, pose);
    }
    return this.#timeline.poseAt(mediaMs * 1000, pose, participant) ? pose : undefined;
  }

  /** Stops playing; the Viewer or Replay stays open. */
  close(): void {
    this.#closed = true;
    for (const unsubscribe of this.#subscriptions) unsubscribe();
    this.#closeVoices();
    this.#sound?.close();
    this.#sound = undefined;
  }

  #openSound(): void {
    openSound(this.#options, () => this.#soundChanged()).then(
      (sound) => {
        if (this.#closed) {
          sound.close();
          return;
        }
        this.#sound = sound;
        this.muted = this.#muted;
        this.#soundChanged();
      },
      (error: unknown) => {
        const fallback = new ClientError('UNSUPPORTED', 'The sound could not be started.', { cause: error });
        this.emit('error', error instanceof ClientError ? error : fallback);
      },
    );
  }

  #soundChanged(): void {
    if (this.state === 'playing') {
      this.#line.begin(this.#source.clock.nowMs(), false);
      this.#source.playback?.repeatVoice();
    } else this.#closeVoices();
    this.emit('state', { state: this.state });
  }

  #restart(isNewEpoch: boolean): void {
    this.#line.begin(this.#source.clock.nowMs(), isNewEpoch);
    if (!isNewEpoch) return;
    this.#closeVoices();
    this.#timeline.clear();
    this.#clock.reset();
    this.#latency.clear();
    this.#motionUs = 0;
  }

  #takeMotion({ captureUs, pose, participant }: MotionFrame): void {
    this.#timeline.add(captureUs, pose, participant);
    this.#motionUs = Math.max(this.#motionUs, captureUs);
    this.#line.motion(this.#source.clock.nowMs(), captureUs / 1000);
    this.#followSoon();
  }

  #takeAudio(frame: AudioFrame): void {
    const missed = this.#source.missingFrames;
    const voice = this.state === 'playing' ? this.#voice(frame.participant) : undefined;
    voice?.play(frame, missed > this.#missing);
    this.#missing = missed;
  }

  #voice(participant: number): VoiceTrack | undefined {
    const existing = this.#voices.get(participant);
    const sound = this.#sound;
    if (existing !== undefined || sound === undefined || this.#voices.size >= VOICES_MAX) return existing;
    const voice: VoiceTrack = new VoiceTrack({
      context: sound.context,
      destination: sound.gain,
      channels: this.#source.header?.audio?.channels === 2 ? 2 : 1,
      speed: this.#source.playback?.rate ?? 1,
      onDecoded: (position) => {
        this.#voiceMs = this.#source.clock.nowMs();
        this.#line.voice(this.#voiceMs, voice.positions.mediaMs(position));
        this.#followSoon();
      },
      onStatus: () => this.#measure(),
    });
    this.#voices.set(participant, voice);
    return voice;
  }

  /** Looks at the frames of one message together, so the line moves once. */
  #followSoon(): void {
    if (this.#followDue || this.#voices.size === 0) return;
    const nowMs = this.#source.clock.nowMs();
    if (nowMs - this.#followedMs < FOLLOW_INTERVAL_MS) return;
    this.#followDue = true;
    queueMicrotask(() => {
      this.#followDue = false;
      this.#follow();
    });
  }

  #follow(): void {
    const nowMs = this.#source.clock.nowMs();
    const wantedMs = this.#wantedMs(nowMs);
    const timeS = this.#sound?.renderTimeS(nowMs);
    if (wantedMs === undefined || timeS === undefined) return;
    this.#followedMs = nowMs;
    const horizonMs = this.#motionUs / 1000 - VOICE_LAG_MS;
    for (const voice of this.#voices.values())
      voice.follow({ position: voice.positions.position(wantedMs), timeS, horizon: voice.positions.position(horizonMs) });
  }

  /** The capture time that is heard and shown now, milliseconds of the epoch. */
  #mediaMs(): number | undefined {
    const nowMs = this.#source.clock.nowMs();
    const heardMs = this.#heardMs(nowMs);
    if (heardMs !== undefined) {
      this.#clock.set(nowMs, heardMs);
      return heardMs;
    }
    const wantedMs = this.#wantedMs(nowMs);
    // A replay's line has no jitter to smooth.
    return wantedMs === undefined || this.#source.playback !== undefined ? wantedMs : this.#clock.advance(nowMs, wantedMs);
  }

  /** The media time to hear and see at `nowMs`; undefined before anything arrived. */
  #wantedMs(nowMs: number): number | undefined {
    return this.#source.playback === undefined ? this.#line.at(nowMs) : this.#source.playback.mediaMs(nowMs);
  }

  /**
   * The media time heard from the first participant with a voice; undefined while no voice is
   * heard.
   */
  #heardMs(nowMs: number): number | undefined {
    const [voice] = this.#voices.values();
    if (voice === undefined || this.state !== 'playing' || nowMs - this.#voiceMs > VOICE_ABSENT_MS) return undefined;
    const timeS = this.#sound?.heardTimeS(nowMs);
    const position = timeS === undefined ? undefined : voice.positionAt(timeS);
    // A decoder's output lags its input by the pre-skip (RFC 7845 section 4.2).
    return position === undefined ? undefined : voice.positions.mediaMs(position - (this.#source.header?.audio?.preSkip ?? 0));
  }

  #measure(): void {
    const nowMs = this.#source.clock.nowMs();
    const heardMs = this.#heardMs(nowMs);
    const age = heardMs === undefined ? undefined : this.#source.ageOf(heardMs * 1000, nowMs);
    if (age !== undefined) this.#latency.add(age.ms);
  }

  /** The counts of all voices, the closed ones included. */
  #counted(): { lostMs: number; concealedMs: number; lateMs: number } {
    const counted = { ...this.#closedVoices };
    for (const { status, lostSamples } of this.#voices.values()) {
      counted.lostMs += lostSamples / 48;
      counted.concealedMs += (status?.concealed ?? 0) / 48;
      counted.lateMs += (status?.late ?? 0) / 48;
    }
    return counted;
  }

  #closeVoices(): void {
    this.#closedVoices = this.#counted();
    for (const voice of this.#voices.values()) voice.close();
    this.#voices.clear();
  }
}
