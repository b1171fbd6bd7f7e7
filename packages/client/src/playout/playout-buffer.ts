// Decoded voice to the sound device: samples by position in, a continuous signal out. The buffer
// follows a line by running up to 2 % faster or slower and by cutting or stretching silence, and
// conceals missing voice. The text of the class is also part of the audio worklet, so it must use
// nothing from outside itself: its parts are arguments, its constants are fields.
import { VoiceHistory } from './voice-history.ts';
import { VoiceRing } from './voice-ring.ts';

/** The line that playout follows. */
export interface PlayoutLine {
  /** Position (48 kHz samples) to render at `timeS`. */
  position: number;
  /** The device's time, seconds. */
  timeS: number;
  /**
   * All voice before this position has arrived or will not; playout does not wait for a hole before
   * it.
   */
  horizon: number;
}

/** Counters since the start, in samples at 48 kHz unless said otherwise. */
export interface PlayoutStatus {
  /** Whether a line has been followed; before that, `position` means nothing. */
  placed: boolean;
  /** The next position to render. */
  position: number;
  /** Device time at which it is rendered, seconds. */
  timeS: number;
  /** Media samples per device second, divided by 48,000; 0 while waiting for voice. */
  rate: number;
  /** Samples held beyond `position`. */
  buffered: number;
  /** Samples made up from earlier voice because the right ones were missing. */
  concealed: number;
  /** Samples that arrived after their time or did not fit. */
  late: number;
  /** Samples cut from or added to silence. */
  cut: number;
  stretched: number;
  /** Jumps after long interruptions. */
  jumps: number;
}

/** The playout of one voice. */
export interface PlayoutBuffer {
  /** Takes samples (one array per channel) that begin at `position`. */
  push(position: number, channels: readonly Float32Array[]): void;
  follow(line: PlayoutLine): void;
  /** Renders the next samples for device time `timeS`; all output channels have the same length. */
  render(output: readonly Float32Array[], timeS: number): void;
  status(): PlayoutStatus;
}

/** Makes a playout buffer for a device of `deviceRate` samples a second. */
export function createPlayoutBuffer(deviceRate: number, channelCount: number): PlayoutBuffer {
  return new SteeredPlayout(deviceRate, channelCount, new VoiceRing(channelCount), new VoiceHistory(channelCount));
}

/** A PlayoutBuffer, from its parts. */
class SteeredPlayout implements PlayoutBuffer {
  /** Samples of voice a second. */
  readonly #voiceRate = 48_000;
  /** The largest deviation of the speed from 1. */
  readonly #rateDeviationMax = 0.02;
  /** A deviation from the line is worked off in about this time, seconds. */
  readonly #correctionS = 2;
  /** At most this much silence is cut or added at once, and once in this time: 10 ms. */
  readonly #silenceChunk = 480;
  /** A larger deviation from the line is worked off in silence: 20 ms. */
  readonly #silenceDeviation = 960;
  /** A larger delay ends with a jump to the line: 400 ms. */
  readonly #jump = 19_200;
  /** A place that is farther ahead of the line ends with a jump back: 2 s. */
  readonly #backJump = 96_000;
  /** The longest concealment of a hole: 60 ms. */
  readonly #conceal = 2_880;
  /** Length of a fade from one source of the signal to another: 5 ms. */
  readonly #fadeLength = 240;

  readonly #deviceRate: number;
  readonly #ring: VoiceRing;
  readonly #history: VoiceHistory;
  /** The step between two sources of the signal at their seam; it fades out. */
  readonly #seams: Float32Array;
  readonly #lastRendered: Float32Array;
  #sinceSeam = this.#fadeLength;
  #isSeamDue = false;
  #wasPresent = false;
  #line: PlayoutLine | undefined;
  /** The next position to render. */
  #at = 0;
  #timeS = 0;
  #rate = 1;
  #placed = false;
  /** Whether voice has been rendered. */
  #heard = false;
  /** Whether playout waits in a hole for the line. */
  #holding = false;
  /** Samples rendered since voice was last complete; 0 while it is. */
  #missingFor = 0;
  /** The pitch period that concealment repeats. */
  #period: number;
  /** Samples since voice returned after a hole. */
  #fade = this.#fadeLength;
  /** Samples since silence was last cut or added. */
  #sinceSilence = 0;
  #concealed = 0;
  #late = 0;
  #cut = 0;
  #stretched = 0;
  #jumps = 0;

  constructor(deviceRate: number, channelCount: number, ring: VoiceRing, history: VoiceHistory) {
    this.#deviceRate = deviceRate;
    this.#ring = ring;
    this.#history = history;
    this.#period = history.periodMax;
    this.#seams = new Float32Array(channelCount);
    this.#lastRendered = new Float32Array(channelCount);
  }

  push(position: number, channels: readonly Float32Array[]): void {
    const length = channels[0]?.length ?? 0;
    if (!this.#ring.write(position, channels)) this.#late += length;
    else if (this.#placed) this.#late += Math.min(length, Math.max(0, Math.ceil(this.#at - position)));
  }

  follow(line: PlayoutLine): void {
    this.#line = line;
  }

  render(output: readonly Float32Array[], timeS: number): void {
    const length = output[0]?.length ?? 0;
    const line = this.#line;
    this.#timeS = timeS;
    for (const channel of output) channel.fill(0);
    if (line === undefined) return;
    this.#steer(line);
    const step = (this.#rate * this.#voiceRate) / this.#deviceRate;
    let waited = 0;
    for (let n = 0; n < length; n++) {
      const isPresent = this.#ring.has(Math.floor(this.#at));
      this.#renderSample(output, n, isPresent);
      this.#history.add(output, n);
      if (isPresent) this.#leaveVoice(step);
      else if (!this.#leaveHole(step, line.horizon)) waited++;
    }
    this.#sinceSilence += length;
    if (waited === length) this.#rate = 0;
    this.#timeS = timeS + length / this.#deviceRate;
  }

  status(): PlayoutStatus {
    return {
      placed: this.#placed,
      position: this.#at,
      timeS: this.#timeS,
      rate: this.#rate,
      buffered: Math.max(0, this.#ring.end - Math.max(this.#at, this.#ring.start)),
      concealed: Math.round(this.#concealed),
      late: this.#late,
      cut: this.#cut,
      stretched: this.#stretched,
      jumps: this.#jumps,
    };
  }

  /** Decides the place and the speed of the next block. */
  #steer(line: PlayoutLine): void {
    const wanted = line.position + (this.#timeS - line.timeS) * this.#voiceRate;
    this.#holding = false;
    if (!this.#heard) {
      // Nothing has been played yet: start on the line.
      this.#at = wanted;
      this.#placed = true;
    }
    const ahead = this.#at - wanted;
    const isFar = Math.abs(ahead) > this.#silenceDeviation;
    const reachable = Math.max(this.#ring.end, line.horizon) > wanted;
    if ((ahead < -this.#jump && reachable) || ahead > this.#backJump) this.#jumpTo(wanted);
    else if (isFar && this.#missingFor >= this.#conceal) this.#crossHole(ahead, reachable);
    else if (isFar && this.#sinceSilence >= this.#silenceChunk) this.#adjustSilence(ahead);
    const correction = (this.#at - wanted) / (this.#correctionS * this.#voiceRate);
    this.#rate = 1 - Math.min(this.#rateDeviationMax, Math.max(-this.#rateDeviationMax, correction));
  }

  #jumpTo(position: number): void {
    this.#at = position;
    this.#jumps++;
    this.#isSeamDue = true;
    if (this.#missingFor === 0 && this.#heard) {
      this.#period = this.#history.pitchPeriod();
      this.#missingFor = 1;
    }
  }

  /** A long hole is silent: moves through it as fast as needed, or waits. */
  #crossHole(ahead: number, reachable: boolean): void {
    if (ahead > 0) this.#holding = true;
    else if (reachable && this.#ring.isMissing(Math.floor(this.#at))) this.#at += Math.min(this.#silenceChunk, -ahead);
  }

  /** Cuts or adds silence, if there is silence here. */
  #adjustSilence(ahead: number): void {
    const whole = Math.floor(this.#at);
    const step = Math.min(this.#silenceChunk, Math.floor(Math.abs(ahead)));
    if (ahead < 0 && this.#ring.isSilent(whole)) {
      this.#at += step;
      this.#cut += step;
      this.#sinceSilence = 0;
    } else if (ahead > 0 && this.#ring.isSilent(whole - this.#silenceChunk)) {
      this.#at -= step;
      this.#stretched += step;
      this.#sinceSilence = 0;
    }
  }

  /** Renders one sample: voice, concealment or a mix of both, and the seam between them. */
  #renderSample(output: readonly Float32Array[], n: number, isPresent: boolean): void {
    if (!isPresent && this.#missingFor === 0 && this.#heard) this.#period = this.#history.pitchPeriod();
    if (isPresent && this.#missingFor > 0 && this.#fade >= this.#fadeLength) this.#fade = 0;
    const weight = isPresent ? Math.min(1, this.#fade / this.#fadeLength) : 0;
    const isRepeat = weight < 1 && this.#missingFor > 0 && this.#missingFor % this.#period === 0;
    if (this.#isSeamDue || isRepeat || isPresent !== this.#wasPresent) this.#sinceSeam = 0;
    this.#isSeamDue = false;
    this.#wasPresent = isPresent;
    const whole = Math.floor(this.#at);
    for (let c = 0; c < this.#seams.length; c++) {
      const voice = isPresent ? this.#ring.sampleAt(c, whole, this.#at - whole) * weight : 0;
      const standIn = weight < 1 ? this.#concealment(c) * (1 - weight) : 0;
      if (this.#sinceSeam === 0) this.#seams[c] = (this.#lastRendered[c] ?? 0) - voice - standIn;
      const rendered = voice + standIn + (this.#seams[c] ?? 0) * (1 - this.#sinceSeam / this.#fadeLength);
      this.#lastRendered[c] = rendered;
      const target = output[c];
      if (target !== undefined) target[n] = rendered;
    }
    if (this.#sinceSeam < this.#fadeLength) this.#sinceSeam++;
  }

  /** The stand-in for the next missing sample: the last pitch period repeated, fading out. */
  #concealment(channel: number): number {
    if (!this.#heard || this.#missingFor >= this.#conceal) return 0;
    return this.#history.repeated(channel, this.#missingFor, this.#period) * (1 - this.#missingFor / this.#conceal);
  }

  /** A sample of voice was rendered. */
  #leaveVoice(step: number): void {
    if (this.#fade < this.#fadeLength) {
      this.#fade++;
      this.#missingFor++;
    }
    if (this.#fade >= this.#fadeLength) this.#missingFor = 0;
    this.#heard = true;
    this.#at += step;
  }

  /**
   * A sample of a hole was rendered. A hole is skipped; at the end of the known voice, playout
   * waits. Returns whether it moved.
   */
  #leaveHole(step: number, horizon: number): boolean {
    if (this.#heard && this.#missingFor < this.#conceal) this.#concealed += step;
    this.#missingFor++;
    this.#fade = this.#fadeLength;
    if (this.#holding || this.#at >= Math.max(this.#ring.end, horizon)) return false;
    this.#at += step;
    return true;
  }
}

/**
 * The text of an expression that is a createPlayoutBuffer of its own, for a realm that cannot
 * import this module: the audio worklet.
 */
export const playoutBufferSource = `((deviceRate, channelCount) => new (${SteeredPlayout})(deviceRate, channelCount, new (${VoiceRing})(channelCount), new (${VoiceHistory})(channelCount)))`;
