// Mixes interleaved samples of any number of channels down to two: left and right as in ITU-R
// BS.775, scaled so that nothing clips. As there, low-frequency effects are left out. Channels with
// an unknown place go to the centre, except that the first two are left and right.

const HALF_POWER = Math.SQRT1_2;

type Gains = readonly [left: number, right: number];
const LEFT: Gains = [1, 0];
const RIGHT: Gains = [0, 1];
const CENTRE: Gains = [HALF_POWER, HALF_POWER];
const LEFT_SURROUND: Gains = [HALF_POWER, 0];
const RIGHT_SURROUND: Gains = [0, HALF_POWER];
const BACK_CENTRE: Gains = [0.5, 0.5];
const NONE: Gains = [0, 0];

/** Gains by the bits of dwChannelMask, from the lowest: ksmedia.h, SPEAKER_*. */
const PLACES: readonly Gains[] = [
  LEFT, // front left
  RIGHT, // front right
  CENTRE, // front centre
  NONE, // low frequencies
  LEFT_SURROUND, // back left
  RIGHT_SURROUND, // back right
  LEFT, // front left of centre
  RIGHT, // front right of centre
  BACK_CENTRE,
  LEFT_SURROUND, // side left
  RIGHT_SURROUND, // side right
  BACK_CENTRE, // top centre
  LEFT_SURROUND, // top front left
  CENTRE, // top front centre
  RIGHT_SURROUND, // top front right
  LEFT_SURROUND, // top back left
  BACK_CENTRE, // top back centre
  RIGHT_SURROUND, // top back right
];

/** Creates a function that mixes blocks of whole frames of more than two channels. */
export function downmixer(channels: number, channelMask: number): (block: Float32Array) => Float32Array {
  const gains = scaled(gainsOf(channels, channelMask));
  return (block) => {
    const frames = block.length / channels;
    const out = new Float32Array(2 * frames);
    for (let frame = 0; frame < frames; frame++) {
      let [left, right] = [0, 0];
      for (let channel = 0; channel < channels; channel++) {
        const value = block[frame * channels + channel] ?? 0;
        left += value * (gains[2 * channel] ?? 0);
        right += value * (gains[2 * channel + 1] ?? 0);
      }
      out[2 * frame] = left;
      out[2 * frame + 1] = right;
    }
    return out;
  };
}

/** A mask lists places from its lowest bit on. Channels beyond the listed ones have no place. */
function gainsOf(channels: number, channelMask: number): Gains[] {
  const named = PLACES.filter((_, bit) => (channelMask & (1 << bit)) !== 0);
  const first: readonly Gains[] = named.length > 0 ? named : [LEFT, RIGHT];
  const all = Array.from({ length: channels }, (_, channel) => first[channel] ?? CENTRE);
  return all.every((gains) => gains === NONE) ? all.map(() => CENTRE) : all;
}

function scaled(gains: readonly Gains[]): Float32Array {
  const sum = (side: 0 | 1) => gains.reduce((total, gain) => total + gain[side], 0);
  const scale = 1 / Math.max(1, sum(0), sum(1));
  return Float32Array.from(gains.flat(), (gain) => gain * scale);
}
