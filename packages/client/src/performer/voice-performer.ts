// Lip shapes from the voice: timed blocks of samples go in, mouth shapes for any moment of the last
// seconds come out. Loudness above the room's noise opens the mouth, and the vowel's bands shape
// it. In silence it is exactly shut.
import type { Pose } from '@hayate/protocol';
import { clamp, degrees, raise, turn } from './limb.ts';
import { mix } from './noise.ts';
import type { Performer } from './performer.ts';
import { HOP_SAMPLES, VoiceAnalysis, type VoiceMeasure } from './voice-analysis.ts';

const HOP_MS = HOP_SAMPLES / 48;
const KEPT_HOPS = 400;
const ATTACK_MS = 22;
const RELEASE_MS = 75;
const EMPHASIS_MS = 350;
/** Less than one step of the wire's shapes (1/255), so it would not be sent. */
const SHUT_BELOW = 0.004;
/** The range in which a room's noise is learnt; louder sound is a voice. */
const FLOOR_DB = { min: -75, max: -42, start: -60, rise: 0.03 };
const LOUD_DB = { min: -32, max: -8, start: -20, fall: 0.015 };
const GATE_OVER_FLOOR_DB = 9;

/** The mouth's shape at one moment; all in [0, 1]. */
interface Mouth {
  /** Jaw: open vowels. */
  jaw: number;
  /** Rounded and half open: o. */
  funnel: number;
  /** Rounded and nearly shut: u. */
  pucker: number;
  /** Wide: e, i, and fricatives. */
  wide: number;
  /** Slow loudness, for moments when the speaker leans in. */
  emphasis: number;
}

const shut: Mouth = { jaw: 0, funnel: 0, pucker: 0, wide: 0, emphasis: 0 };

/** Moves lips and jaw, and slightly brows and head, with a voice. */
export class VoicePerformer implements Performer {
  #analysis = new VoiceAnalysis();
  /** A ring of the last mouths; hop `n` (counted from #originMs) is at `n % KEPT_HOPS`. */
  readonly #track: Mouth[] = new Array<Mouth>(KEPT_HOPS).fill(shut);
  #originMs = 0;
  #hops = 0;
  #nextMs = Number.NEGATIVE_INFINITY;
  #floorDb = FLOOR_DB.start;
  #loudDb = LOUD_DB.start;

  /**
   * Takes mono 48 kHz samples in [-1, 1], the first of which was heard at `startMs`. Blocks follow
   * one another. A block that is more than 50 ms off restarts with the mouth shut; the learnt noise
   * level stays.
   */
  hear(samples: Float32Array, startMs: number): void {
    if (Math.abs(startMs - this.#nextMs) > 50) {
      this.#analysis = new VoiceAnalysis();
      this.#track.fill(shut);
      this.#originMs = startMs;
      this.#hops = 0;
      this.#nextMs = startMs;
    }
    this.#nextMs += samples.length / 48;
    this.#analysis.push(samples, (measure) => {
      const mouth = this.#follow(this.#mouthOf(this.#hops - 1), measure);
      this.#track[this.#hops++ % KEPT_HOPS] = mouth;
    });
  }

  /** Adds the mouth's shape at `timeMs`; after the last sample it falls shut. */
  perform(timeMs: number, pose: Pose): void {
    const mouth = this.#at(timeMs);
    raise(pose, 'jawOpen', 0.75 * mouth.jaw);
    raise(pose, 'mouthFunnel', 0.8 * mouth.funnel);
    raise(pose, 'mouthPucker', 0.9 * mouth.pucker);
    for (const side of ['Left', 'Right'] as const) {
      raise(pose, `mouthStretch${side}`, 0.4 * mouth.wide);
      raise(pose, `mouthSmile${side}`, 0.35 * mouth.wide);
      raise(pose, `mouthLowerDown${side}`, 0.3 * mouth.jaw + 0.2 * mouth.wide);
      raise(pose, `mouthUpperUp${side}`, 0.18 * mouth.jaw);
    }
    raise(pose, 'browInnerUp', 0.3 * mouth.emphasis);
    turn(pose, 'head', { pitch: degrees(4 * mouth.emphasis) });
  }

  /**
   * The mouth at a time, interpolated between the two hops around it; a hop's mouth belongs to the
   * hop's middle.
   */
  #at(timeMs: number): Mouth {
    const place = (timeMs - this.#originMs) / HOP_MS - 0.5;
    const index = Math.floor(place);
    if (!Number.isFinite(place)) return shut;
    if (index >= this.#hops - 1) {
      const beyondMs = (place - (this.#hops - 1)) * HOP_MS;
      return blend(this.#mouthOf(this.#hops - 1), shut, 1 - Math.exp(-Math.max(0, beyondMs - 60) / RELEASE_MS));
    }
    return blend(this.#mouthOf(index), this.#mouthOf(index + 1), place - index);
  }

  #mouthOf(hop: number): Mouth {
    return hop < 0 || hop < this.#hops - KEPT_HOPS ? shut : (this.#track[hop % KEPT_HOPS] ?? shut);
  }

  #follow(last: Mouth, { db, shares }: VoiceMeasure): Mouth {
    const heardDb = Math.max(db, -120);
    this.#floorDb = clamp(
      heardDb < this.#floorDb ? mix(this.#floorDb, heardDb, 0.2) : this.#floorDb + FLOOR_DB.rise,
      FLOOR_DB.min,
      FLOOR_DB.max,
    );
    this.#loudDb = clamp(heardDb > this.#loudDb ? mix(this.#loudDb, heardDb, 0.1) : this.#loudDb - LOUD_DB.fall, LOUD_DB.min, LOUD_DB.max);
    const gateDb = this.#floorDb + GATE_OVER_FLOOR_DB;
    const loudness = clamp((heardDb - gateDb) / (this.#loudDb - gateDb), 0, 1);

    const [close, open, middle, front, hiss] = shares;
    const round = clamp((close + open - front - 0.35) * 2.8, 0, 1);
    const openness = clamp((open + middle - close) * 1.3, 0, 1);
    return {
      jaw: approach(last.jaw, loudness * (0.2 + 0.8 * openness) * (1 - 0.7 * hiss)),
      funnel: approach(last.funnel, loudness * round * clamp((open - 0.2) * 4, 0, 1)),
      pucker: approach(last.pucker, loudness * round * clamp((close - 0.15) * 4, 0, 1)),
      wide: approach(last.wide, loudness * clamp((front + hiss - 0.2) * 2.5, 0, 1)),
      emphasis: settle(last.emphasis + (loudness * loudness - last.emphasis) * (1 - Math.exp(-HOP_MS / EMPHASIS_MS))),
    };
  }
}

/** Moves `value` one hop towards `target`: fast upwards, slower downwards. */
function approach(value: number, target: number): number {
  const timeMs = target > value ? ATTACK_MS : RELEASE_MS;
  return settle(value + (target - value) * (1 - Math.exp(-HOP_MS / timeMs)));
}

function settle(value: number): number {
  return value < SHUT_BELOW ? 0 : value;
}

function blend(a: Mouth, b: Mouth, at: number): Mouth {
  return {
    jaw: settle(mix(a.jaw, b.jaw, at)),
    funnel: settle(mix(a.funnel, b.funnel, at)),
    pucker: settle(mix(a.pucker, b.pucker, at)),
    wide: settle(mix(a.wide, b.wide, at)),
    emphasis: settle(mix(a.emphasis, b.emphasis, at)),
  };
}
