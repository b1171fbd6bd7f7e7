// Reads and writes Ogg Opus (RFC 3533, RFC 6716, RFC 7845). Other folders use only these exports.
export { canConceal, concealGap, GAP_STEP_SAMPLES, isConcealment } from './concealment.ts';
export type { GapItem, LinkItem, PacketItem, VoiceItem } from './link-reader.ts';
export { samplesOf, splitStreams } from './multistream.ts';
export { OggError } from './ogg-error.ts';
export { type OggOpusHeaders, type OggOpusLink, type OggOpusPacket, readOggOpus, readOggOpusHeaders } from './ogg-opus-reader.ts';
export { OggOpusWriter, type OggOpusWriterOptions, VENDOR } from './ogg-opus-writer.ts';
export type { OggTroubleKind, OnTrouble } from './ogg-trouble.ts';
export { type OpusHead, type OpusTag, type OpusTags, tagValue } from './opus-header.ts';
export { PageSync } from './page-sync.ts';
export type { ChannelMapping, MappedOpusHead } from './tolerant-header.ts';
export { NoOpusError, readVoice } from './tolerant-reader.ts';
