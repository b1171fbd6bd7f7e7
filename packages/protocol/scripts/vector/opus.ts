// Opus packets that a server accepts, with their duration, and packets that it refuses, with the
// rule of RFC 6716, section 3.4, that each breaks. Servers do not look at the contents of the
// frames, so most bodies are zeros.

/** One packet of spec/vectors/opus.json. */
export interface OpusVector {
  name: string;
  about: string;
  /** The packet in hexadecimal. */
  hex: string;
  /** Samples at 48 kHz; absent if the packet is refused. */
  samples?: number;
  /** The rule that the packet breaks: R1 to R7. */
  breaks?: string;
}

/** The first byte: configuration 0 to 31, stereo, code 0 to 3 (section 3.1). */
const toc = (config: number, code: number, stereo = false): number => config * 8 + (stereo ? 4 : 0) + code;
const zeros = (length: number): number[] => Array<number>(length).fill(0);

/** SILK at 20 ms, hybrid at 20 ms, CELT at 2.5 ms and at 20 ms. */
const [SILK, SILK_60, HYBRID, CELT_SHORT, CELT] = [1, 3, 13, 16, 31];

const good: readonly (readonly [name: string, about: string, samples: number, bytes: readonly number[]])[] = [
  ['silk-10', 'SILK narrowband, 10 ms', 480, [toc(0, 0), 1]],
  ['silk-20', 'SILK narrowband, 20 ms', 960, [toc(SILK, 0), 1]],
  ['silk-40', 'SILK narrowband, 40 ms', 1_920, [toc(2, 0), 1]],
  ['silk-60', 'SILK narrowband, 60 ms', 2_880, [toc(SILK_60, 0), 1]],
  ['silk-wide-60', 'SILK wideband, 60 ms', 2_880, [toc(11, 0), 1]],
  ['hybrid-10', 'hybrid super-wideband, 10 ms', 480, [toc(12, 0), 1]],
  ['hybrid-20', 'hybrid super-wideband, 20 ms', 960, [toc(HYBRID, 0), 1]],
  ['hybrid-full-20', 'hybrid fullband, 20 ms', 960, [toc(15, 0), 1]],
  ['celt-2-5', 'CELT narrowband, 2.5 ms', 120, [toc(CELT_SHORT, 0), 1]],
  ['celt-5', 'CELT narrowband, 5 ms', 240, [toc(17, 0), 1]],
  ['celt-10', 'CELT narrowband, 10 ms', 480, [toc(18, 0), 1]],
  ['celt-20', 'CELT fullband, 20 ms', 960, [toc(CELT, 0), 1]],
  ['stereo', 'stereo does not change the duration', 960, [toc(CELT, 0, true), 1]],
  ['dtx', 'a TOC byte alone: a frame of no bytes, silence or concealment', 960, [toc(SILK, 0)]],
  ['code-0-largest', 'code 0, a frame of 1275 bytes', 960, [toc(CELT, 0), ...zeros(1_275)]],
  ['code-1', 'code 1, two frames of 3 bytes', 1_920, [toc(CELT, 1), ...zeros(6)]],
  ['code-1-empty', 'code 1, two frames of no bytes', 1_920, [toc(CELT, 1)]],
  ['code-1-largest', 'code 1, two frames of 1275 bytes', 1_920, [toc(CELT, 1), ...zeros(2_550)]],
  ['code-1-120-ms', 'code 1, two frames of 60 ms: the longest packet', 5_760, [toc(SILK_60, 1), ...zeros(2)]],
  ['code-2', 'code 2, frames of 1 and 4 bytes', 1_920, [toc(CELT, 2), 1, ...zeros(5)]],
  ['code-2-empty-first', 'code 2, the first frame has no bytes', 1_920, [toc(CELT, 2), 0, ...zeros(3)]],
  ['code-2-empty-second', 'code 2, the second frame has no bytes', 1_920, [toc(CELT, 2), 3, ...zeros(3)]],
  ['code-2-two-byte-length', 'code 2, a length in two bytes: 253 + 4 * 2 = 261', 1_920, [toc(CELT, 2), 253, 2, ...zeros(261 + 2)]],
  ['code-2-largest', 'code 2, frames of 1275 bytes: a length of 255 + 4 * 255', 1_920, [toc(CELT, 2), 255, 255, ...zeros(2_550)]],
  ['code-3-one', 'code 3, one frame', 960, [toc(CELT, 3), 1, ...zeros(3)]],
  ['code-3-cbr', 'code 3, three frames of equal length', 2_880, [toc(CELT, 3), 3, ...zeros(6)]],
  ['code-3-cbr-empty', 'code 3, two frames of no bytes', 1_920, [toc(CELT, 3), 2]],
  ['code-3-48', 'code 3, 48 frames of 2.5 ms: the most frames', 5_760, [toc(CELT_SHORT, 3), 48, ...zeros(48)]],
  ['code-3-120-ms', 'code 3, six frames of 20 ms', 5_760, [toc(CELT, 3), 6, ...zeros(6)]],
  ['code-3-vbr', 'code 3, three frames of 1, 2 and 3 bytes', 2_880, [toc(CELT, 3), 0x80 | 3, 1, 2, ...zeros(6)]],
  ['code-3-vbr-one', 'code 3, one frame, marked as variable', 960, [toc(CELT, 3), 0x80 | 1, ...zeros(4)]],
  ['code-3-vbr-empty-last', 'code 3, the last frame has no bytes', 1_920, [toc(CELT, 3), 0x80 | 2, 3, ...zeros(3)]],
  ['code-3-vbr-two-byte-length', 'code 3, a length in two bytes: 252', 1_920, [toc(CELT, 3), 0x80 | 2, 252, 0, ...zeros(253)]],
  ['code-3-padding-0', 'code 3, padding of 0 bytes', 960, [toc(CELT, 3), 0x40 | 1, 0, ...zeros(2)]],
  ['code-3-padding', 'code 3, two frames of 2 bytes and 3 of padding', 1_920, [toc(CELT, 3), 0x40 | 2, 3, ...zeros(4 + 3)]],
  ['code-3-padding-255', 'code 3, padding of 254 + 1 bytes', 960, [toc(CELT, 3), 0x40 | 1, 255, 1, ...zeros(2 + 255)]],
  ['code-3-padding-alone', 'code 3, a frame of no bytes and padding', 960, [toc(CELT, 3), 0x40 | 1, 2, ...zeros(2)]],
  ['code-3-vbr-padding', 'code 3, frames of 1 and 2 bytes, padding of 4', 1_920, [toc(CELT, 3), 0xc0 | 2, 4, 1, ...zeros(3 + 4)]],
];

const bad: readonly (readonly [name: string, about: string, breaks: string, bytes: readonly number[]])[] = [
  ['empty', 'no bytes', 'R1', []],
  ['code-0-1276', 'code 0, a frame of 1276 bytes', 'R2', [toc(CELT, 0), ...zeros(1_276)]],
  ['code-1-1276', 'code 1, two frames of 1276 bytes', 'R2', [toc(CELT, 1), ...zeros(2_552)]],
  ['code-2-1276', 'code 2, a second frame of 1276 bytes', 'R2', [toc(CELT, 2), 0, ...zeros(1_276)]],
  ['code-3-1276', 'code 3, a frame of 1276 bytes', 'R2', [toc(CELT, 3), 1, ...zeros(1_276)]],
  ['code-3-vbr-1276', 'code 3, a last frame of 1276 bytes', 'R2', [toc(CELT, 3), 0x80 | 2, 0, ...zeros(1_276)]],
  ['code-1-odd', 'code 1, a body of odd length', 'R3', [toc(CELT, 1), ...zeros(3)]],
  ['code-2-no-length', 'code 2 without a length', 'R4', [toc(CELT, 2)]],
  ['code-2-half-length', 'code 2, a length of two bytes cut short', 'R4', [toc(CELT, 2), 252]],
  ['code-2-beyond', 'code 2, a first frame longer than the remaining bytes', 'R4', [toc(CELT, 2), 4, ...zeros(3)]],
  ['code-3-none', 'code 3, no frames', 'R5', [toc(CELT, 3), 0, ...zeros(2)]],
  ['code-3-vbr-none', 'code 3, no frames, marked as variable', 'R5', [toc(CELT, 3), 0x80]],
  ['code-3-140-ms', 'code 3, seven frames of 20 ms', 'R5', [toc(CELT, 3), 7, ...zeros(7)]],
  ['code-3-180-ms', 'code 3, three frames of 60 ms', 'R5', [toc(SILK_60, 3), 3, ...zeros(3)]],
  ['code-3-49', 'code 3, 49 frames of 2.5 ms', 'R5', [toc(CELT_SHORT, 3), 49, ...zeros(49)]],
  ['code-3-vbr-140-ms', 'code 3, seven variable frames of 20 ms', 'R5', [toc(CELT, 3), 0x80 | 7, ...zeros(6), ...zeros(7)]],
  ['code-3-alone', 'code 3, one byte', 'R6', [toc(CELT, 3)]],
  ['code-3-uneven', 'code 3, three frames in 4 bytes', 'R6', [toc(CELT, 3), 3, ...zeros(4)]],
  ['code-3-padding-beyond', 'code 3, more padding than bytes', 'R6', [toc(CELT, 3), 0x40 | 1, 3, ...zeros(2)]],
  ['code-3-padding-cut', 'code 3, the padding length is cut short', 'R6', [toc(CELT, 3), 0x40 | 1, 255]],
  ['code-3-padding-uneven', 'code 3, two frames in 3 bytes before the padding', 'R6', [toc(CELT, 3), 0x40 | 2, 2, ...zeros(5)]],
  ['code-3-vbr-no-length', 'code 3, lengths missing', 'R7', [toc(CELT, 3), 0x80 | 3, 0]],
  ['code-3-vbr-half-length', 'code 3, a length of two bytes cut short', 'R7', [toc(CELT, 3), 0x80 | 2, 253]],
  ['code-3-vbr-beyond', 'code 3, lengths beyond the end', 'R7', [toc(CELT, 3), 0x80 | 2, 4, ...zeros(3)]],
  ['code-3-vbr-sum', 'code 3, lengths whose sum is beyond the end', 'R7', [toc(CELT, 3), 0x80 | 3, 2, 2, ...zeros(3)]],
  ['code-3-vbr-padding-beyond', 'code 3, no room for padding after the frames', 'R7', [toc(CELT, 3), 0xc0 | 2, 3, 1, ...zeros(3)]],
];

const hexOf = (bytes: readonly number[]): string => Buffer.from(bytes).toString('hex');

/** All Opus vectors, the good ones first. */
export const opusVectors: readonly OpusVector[] = [
  ...good.map(([name, about, samples, bytes]) => ({ name, about, hex: hexOf(bytes), samples })),
  ...bad.map(([name, about, breaks, bytes]) => ({ name: `bad-${name}`, about, hex: hexOf(bytes), breaks })),
];
