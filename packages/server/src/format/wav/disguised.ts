// The first bytes of samples of 16 bits in, the name of the coded sound that they really are out, if they are one: DTS
// (ETSI TS 102 114) and AC-3 in S/PDIF frames (IEC 61937), as discs and receivers carry them in WAV files.

/** Beginnings of frames, in files whose numbers are little-endian. */
const SYNCS: readonly [bytes: readonly number[], name: string][] = [
  [[0xfe, 0x7f, 0x01, 0x80], 'DTS'],
  [[0x7f, 0xfe, 0x80, 0x01], 'DTS'],
  [[0xff, 0x1f, 0x00, 0xe8], 'DTS'],
  [[0x1f, 0xff, 0xe8, 0x00], 'DTS'],
  [[0x72, 0xf8, 0x1f, 0x4e], 'AC-3 or DTS in S/PDIF frames'],
];

/** What is coded in `bytes`; undefined if they are plain samples. Zeros before the first frame are passed over. */
export function disguisedKind(bytes: Uint8Array): string | undefined {
  const first = bytes.findIndex((byte) => byte !== 0);
  return SYNCS.find(([sync]) => sync.every((byte, i) => bytes[first + i] === byte))?.[1];
}
