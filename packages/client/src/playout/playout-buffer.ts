// Decoded voice to the sound device: samples by position in, a continuous signal out. The buffer
// follows a line by running up to 2 % faster or slower and by cutting or stretching silence, and
// conceals missing voice. The text of this one function is also the source of the audio worklet, so
// it must use nothing from outside itself.

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
  const RATE = 48_000;
  const SIZE = 131_072;
  const RATE_DEVIATION_MAX = 0.02;
  const CORRECTION_S = 2;
  const SILENCE_CHUNK = 480;
  const SILENCE_RMS = 0.003;
  const SILENCE_DEVIATION = 960;
  const JUMP = 19_200;
  const BACK_JUMP = 96_000;
  const CONCEAL = 2_880;
  const FADE = 240;
  const HISTORY = 8_192;
  const LAG_MIN = 120;
  const LAG_MAX = 720;

  const rings = Array.from({ length: channelCount }, () => new Float32Array(SIZE));
  const present = new Uint8Array(SIZE);
  // The last rendered samples, for concealment: as many as the longest concealment plus the longest
  // lag.
  const histories = Array.from({ length: channelCount }, () => new Float32Array(HISTORY));
  let historyAt = 0;
  // The step between two sources of the signal at their seam; it fades out.
  const lastRendered = new Float32Array(channelCount);
  const seams = new Float32Array(channelCount);
  let sinceSeam = FADE;
  let isSeamDue = false;
  let wasPresent = false;
  /** Only positions >= start and < end can be present. */
  let start = 0;
  let end = 0;
  let at = 0;
  let line: PlayoutLine | undefined;
  let placed = false;
  let holding = false;
  let heard = false;
  let rate = 1;
  let missingFor = 0;
  let lag = LAG_MAX;
  let fade = FADE;
  let timeS = 0;
  let sinceSilence = 0;
  let concealed = 0;
  let late = 0;
  let cut = 0;
  let stretched = 0;
  let jumps = 0;

  const has = (position: number) => position >= start && position < end && present[position & (SIZE - 1)] === 1;

  const clear = (from: number, to: number) => {
    for (let position = from; position < to; position++) present[position & (SIZE - 1)] = 0;
  };

  const push = (position: number, channels: readonly Float32Array[]) => {
    const length = channels[0]?.length ?? 0;
    if (end === start) start = end = position;
    if (position < start) {
      late += length;
      return;
    }
    if (position + length > end) {
      if (position + length - end > SIZE) clear(0, SIZE);
      else clear(end, position + length);
      end = position + length;
      start = Math.max(start, end - SIZE);
    }
    for (let i = 0; i < length; i++) {
      const slot = (position + i) & (SIZE - 1);
      if (placed && position + i < at) late++;
      present[slot] = 1;
      for (let c = 0; c < channelCount; c++) {
        const ring = rings[c];
        const source = channels[c] ?? channels[0];
        if (ring !== undefined && source !== undefined) ring[slot] = source[i] ?? 0;
      }
    }
  };

  /** Third-order Hermite interpolation; a missing neighbour takes the nearest value. */
  const sampleAt = (ring: Float32Array, whole: number, fraction: number) => {
    const y1 = ring[whole & (SIZE - 1)] ?? 0;
    const y0 = has(whole - 1) ? (ring[(whole - 1) & (SIZE - 1)] ?? 0) : y1;
    const y2 = has(whole + 1) ? (ring[(whole + 1) & (SIZE - 1)] ?? 0) : y1;
    const y3 = has(whole + 2) ? (ring[(whole + 2) & (SIZE - 1)] ?? 0) : y2;
    const c1 = 0.5 * (y2 - y0);
    const c2 = y0 - 2.5 * y1 + 2 * y2 - 0.5 * y3;
    const c3 = 0.5 * (y3 - y0) + 1.5 * (y1 - y2);
    return ((c3 * fraction + c2) * fraction + c1) * fraction + y1;
  };

  const isSilent = (from: number) => {
    let square = 0;
    for (let position = from; position < from + SILENCE_CHUNK; position++) {
      if (!has(position)) return false;
      for (const ring of rings) square += (ring[position & (SIZE - 1)] ?? 0) ** 2;
    }
    return square < SILENCE_RMS * SILENCE_RMS * SILENCE_CHUNK * channelCount;
  };

  const isMissing = (from: number, length: number) => {
    for (let position = from; position < from + length; position++) if (has(position)) return false;
    return true;
  };

  const historySample = (history: Float32Array, back: number) => history[(historyAt - back + HISTORY * 4) % HISTORY] ?? 0;

  /** The lag at which the last voice best repeats itself: its pitch period. */
  const findLag = () => {
    const history = histories[0];
    if (history === undefined) return LAG_MAX;
    let best = LAG_MAX;
    let bestScore = 0;
    for (let candidate = LAG_MIN; candidate <= LAG_MAX; candidate += 2) {
      let product = 0;
      let energy = 1e-9;
      for (let back = 1; back <= 480; back += 4) {
        const shifted = historySample(history, back + candidate);
        product += historySample(history, back) * shifted;
        energy += shifted * shifted;
      }
      const score = product > 0 ? (product * product) / energy : 0;
      if (score > bestScore) {
        bestScore = score;
        best = candidate;
      }
    }
    return best;
  };

  /** The k-th sample of the concealment: the last pitch period repeated, fading out. */
  const concealment = (history: Float32Array, k: number) => {
    if (!heard || k >= CONCEAL) return 0;
    return historySample(history, k + lag - (k % lag)) * (1 - k / CONCEAL);
  };

  const steer = () => {
    if (line === undefined) return;
    const wanted = line.position + (timeS - line.timeS) * RATE;
    holding = false;
    if (!heard) {
      // Nothing has been played yet: start on the line.
      at = wanted;
      placed = true;
    }
    const ahead = at - wanted;
    const reachable = Math.max(end, line.horizon) > wanted;
    if ((ahead < -JUMP && reachable) || ahead > BACK_JUMP) {
      at = wanted;
      jumps++;
      isSeamDue = true;
      if (missingFor === 0 && heard) {
        lag = findLag();
        missingFor = 1;
      }
    } else if (missingFor >= CONCEAL && Math.abs(ahead) > SILENCE_DEVIATION) {
      // A long hole is silent: move through it as fast as needed, or wait.
      if (ahead > 0) holding = true;
      else if (reachable && isMissing(Math.floor(at), SILENCE_CHUNK)) at += Math.min(SILENCE_CHUNK, -ahead);
    } else if (sinceSilence >= SILENCE_CHUNK && Math.abs(ahead) > SILENCE_DEVIATION) {
      const whole = Math.floor(at);
      const step = Math.min(SILENCE_CHUNK, Math.floor(Math.abs(ahead)));
      if (ahead < 0 && isSilent(whole)) {
        at += step;
        cut += step;
        sinceSilence = 0;
      } else if (ahead > 0 && isSilent(whole - SILENCE_CHUNK)) {
        at -= step;
        stretched += step;
        sinceSilence = 0;
      }
    }
    const correction = (at - wanted) / (CORRECTION_S * RATE);
    rate = 1 - Math.min(RATE_DEVIATION_MAX, Math.max(-RATE_DEVIATION_MAX, correction));
  };

  const render = (output: readonly Float32Array[], blockTimeS: number) => {
    const length = output[0]?.length ?? 0;
    timeS = blockTimeS;
    for (const channel of output) channel.fill(0);
    if (line === undefined) return;
    steer();
    const step = (rate * RATE) / deviceRate;
    let waited = 0;
    for (let n = 0; n < length; n++) {
      const whole = Math.floor(at);
      const isPresent = has(whole);
      if (!isPresent && missingFor === 0 && heard) lag = findLag();
      if (isPresent && missingFor > 0 && fade >= FADE) fade = 0;
      const weight = isPresent ? Math.min(1, fade / FADE) : 0;
      const isRepeat = weight < 1 && missingFor > 0 && missingFor % lag === 0;
      if (isSeamDue || isRepeat || isPresent !== wasPresent) sinceSeam = 0;
      isSeamDue = false;
      wasPresent = isPresent;
      for (let c = 0; c < channelCount; c++) {
        const ring = rings[c];
        const history = histories[c];
        if (ring === undefined || history === undefined) continue;
        const voice = isPresent ? sampleAt(ring, whole, at - whole) * weight : 0;
        const standIn = weight < 1 ? concealment(history, missingFor) * (1 - weight) : 0;
        const target = output[c];
        if (sinceSeam === 0) seams[c] = (lastRendered[c] ?? 0) - voice - standIn;
        const rendered = voice + standIn + (seams[c] ?? 0) * (1 - sinceSeam / FADE);
        lastRendered[c] = rendered;
        if (target !== undefined) target[n] = rendered;
      }
      if (sinceSeam < FADE) sinceSeam++;
      remember(output, n);
      if (isPresent) {
        if (fade < FADE) {
          fade++;
          missingFor++;
        }
        if (fade >= FADE) missingFor = 0;
        heard = true;
        at += step;
      } else {
        if (heard && missingFor < CONCEAL) concealed += step;
        missingFor++;
        fade = FADE;
        // A hole is skipped; at the end of the known voice, playout waits.
        if (!holding && at < Math.max(end, line.horizon)) at += step;
        else waited++;
      }
    }
    sinceSilence += length;
    if (waited === length) rate = 0;
    timeS = blockTimeS + length / deviceRate;
  };

  const remember = (output: readonly Float32Array[], n: number) => {
    for (let c = 0; c < channelCount; c++) {
      const history = histories[c];
      if (history !== undefined) history[historyAt] = output[c]?.[n] ?? 0;
    }
    historyAt = (historyAt + 1) % HISTORY;
  };

  return {
    push,
    follow: (next) => {
      line = next;
    },
    render,
    status: () => ({
      placed,
      position: at,
      timeS,
      rate,
      buffered: Math.max(0, end - Math.max(at, start)),
      concealed: Math.round(concealed),
      late,
      cut,
      stretched,
      jumps,
    }),
  };
}
