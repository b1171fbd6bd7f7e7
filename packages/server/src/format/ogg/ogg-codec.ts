// Names the codec of a logical stream from its first packet: each codec in Ogg begins its first
// packet with its own magic bytes (https://wiki.xiph.org/MIMETypesCodecs).

const MAGICS: readonly (readonly [magic: string, name: string])[] = [
  ['OpusHead', 'Opus'],
  ['\x01vorbis', 'Vorbis'],
  ['\x7fFLAC', 'FLAC'],
  ['Speex   ', 'Speex'],
  ['\x80theora', 'Theora'],
  ['fishead\0', 'Skeleton'],
  ['fLaC', 'FLAC'],
  ['OVP80', 'VP8'],
  ['BBCD', 'Dirac'],
  ['\x80kate', 'Kate'],
  ['CELT    ', 'CELT'],
  ['PCM     ', 'PCM'],
  ['CMML', 'CMML'],
  ['Annodex', 'Annodex'],
  ['\x01video', 'OGM video'],
  ['\x01audio', 'OGM audio'],
  ['\x01text', 'OGM text'],
  ['\x8aVP9', 'VP9'],
];

/** The codec that a stream's first packet announces; undefined if it is not known. */
export function oggCodec(packet: Uint8Array): string | undefined {
  const start = Buffer.from(packet.subarray(0, 8)).toString('latin1');
  return MAGICS.find(([magic]) => start.startsWith(magic))?.[1];
}
