// In: a stream's name. Out: the look of its default avatar. The same name always gives the same
// avatar, so viewers recognise a stream on the front page; nothing here is random.

/** How the hair is cut. */
type HairStyle = 'bob' | 'long' | 'tails' | 'short';

/** An avatar's headgear. */
type Accessory = 'headset' | 'cat-ears' | 'clip' | 'none';

/** All differences between two default avatars. Colours are sRGB, 0xRRGGBB. */
export interface AvatarVariant {
  hairStyle: HairStyle;
  accessory: Accessory;
  hair: number;
  /** Hair towards the tips. */
  hairTip: number;
  /** Iris, and its brighter lower half. */
  iris: number;
  irisGlow: number;
  skin: number;
  hoodie: number;
  hoodieTrim: number;
  shirt: number;
  /** Headset, cords, emblem, rim light. */
  accent: number;
  /** Side on which the fringe is parted: -1 or 1. */
  parting: -1 | 1;
  /** Hue of the backdrop, degrees. */
  backdropHue: number;
}

const hairs = [
  [0x33415f, 0x6fc7d9],
  [0xf3ead9, 0xf2b9c4],
  [0x5b3a34, 0xb8735a],
  [0xa9c7e8, 0xe6f1ff],
  [0xe79aa8, 0xffd9c9],
  [0x4b3f6b, 0xb18fe0],
  [0xd9a35c, 0xf7dfa1],
  [0x2c2f3a, 0x5a6274],
] as const;

const irises = [
  [0x1c6f8c, 0x6fe3e1],
  [0x8a4b1f, 0xf4b45c],
  [0x5a3aa0, 0xc79bff],
  [0x27754a, 0x9be58a],
  [0xa0344f, 0xff9a9a],
  [0x2d4fa8, 0x86c5ff],
] as const;

const outfits = [
  { hoodie: 0xf2efe8, hoodieTrim: 0x36b5b0, shirt: 0x2b3550, accent: 0x3fd0c9, backdropHue: 186 },
  { hoodie: 0x2f3b5c, hoodieTrim: 0xf4b860, shirt: 0xf2efe8, accent: 0xffc46b, backdropHue: 226 },
  { hoodie: 0xe9a7b5, hoodieTrim: 0xfff3ee, shirt: 0x6b4a63, accent: 0xff9fb6, backdropHue: 336 },
  { hoodie: 0x4f8f86, hoodieTrim: 0xf3e6c8, shirt: 0x1f2f38, accent: 0x8fe3c8, backdropHue: 162 },
  { hoodie: 0x6a5aa8, hoodieTrim: 0xf0d9ff, shirt: 0x241f3d, accent: 0xc5a8ff, backdropHue: 262 },
  { hoodie: 0xe0793f, hoodieTrim: 0xfff1dc, shirt: 0x30303c, accent: 0xffa36b, backdropHue: 22 },
] as const;

const skins = [0xffe6d8, 0xfbdcc8, 0xf2c9ad, 0xd9a283, 0xb37a5c] as const;
const hairStyles: readonly HairStyle[] = ['bob', 'long', 'tails', 'short'];
const accessories: readonly Accessory[] = ['headset', 'cat-ears', 'clip', 'none'];

/** The avatar of a stream, by its name. */
export function variantOf(stream: string): AvatarVariant {
  const draw = drawer(stream);
  const [hair, hairTip] = draw(hairs);
  const [iris, irisGlow] = draw(irises);
  const outfit = draw(outfits);
  return {
    hairStyle: draw(hairStyles),
    accessory: draw(accessories),
    hair,
    hairTip,
    iris,
    irisGlow,
    skin: draw(skins),
    ...outfit,
    parting: draw([-1, 1] as const),
  };
}

/**
 * Picks from one list after another, by MurmurHash3's 32-bit finaliser over the name's FNV-1a hash
 * and the pick's number.
 */
function drawer(name: string): <T>(list: readonly T[]) => T {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  let pick = 0;
  return <T>(list: readonly T[]): T => {
    pick++;
    let h = hash ^ Math.imul(pick, 0x9e3779b9);
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    const picked = list[((h ^ (h >>> 16)) >>> 0) % list.length];
    if (picked === undefined) throw new RangeError('nothing to pick from');
    return picked;
  };
}
