// Detects coded audio in the first bytes of 16-bit samples: DTS (ETSI TS 102 114), and AC-3 in
// S/PDIF frames (IEC 61937), as discs and receivers store them in WAV files.

/** The beginnings of frames, in little-endian files. */
const SYNCS: readonly [bytes: readonly number[], name: string][] = [
  [[0xfe, 0x7f, 0x01, 0x80], 'DTS'],
  [[0x7f, 0xfe, 0x80, 0x01], 'DTS'],
  [[0xff, 0x1f, 0x00, 0xe8], 'DTS'],
  [[0x1f, 0xff, 0xe8, 0x00], 'DTS'],
  [[0x72, 0xf8, 0x1f, 0x4e], 'AC-3 or DTS in S/PDIF frames'],
];

/**
 * The name of the coded audio in `bytes`; undefined for plain samples. Zeros before the first frame
 * are skipped.
 */
export function codedAudioName(bytes: Uint8Array): string | undefined {
  const first = bytes.findIndex((byte) => byte !== 0);
  return SYNCS.find(([sync]) => sync.every((byte, i) => bytes[first + i] === byte))?.[1];
}
