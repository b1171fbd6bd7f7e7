// What a tolerant reader passes over or mends, by kind, so that its caller can count it and say so in words.

/** Kinds of trouble. The amount that comes with each is in brackets. */
export type OggTroubleKind =
  /** Bytes that belong to no page [bytes of one run]. */
  | 'junk'
  /** A page that is damaged: its checksum is wrong [bytes]. */
  | 'tornPage'
  /** The input ends within a page [bytes]. */
  | 'cutPage'
  /** Pages are missing [pages]. */
  | 'missingPage'
  /** A page does not follow the one before it [1]. */
  | 'pageOrder'
  /** A packet is not whole [packets]. */
  | 'brokenPacket'
  /** A packet is not Opus [1]. */
  | 'badPacket'
  /** A packet has no bytes [1]. */
  | 'emptyPacket'
  /** Time that granule positions say is missing [48 kHz samples]. */
  | 'lostTime'
  /** A granule position does not fit the packets [1]. */
  | 'granule'
  /** A stream has no end-of-stream page [1]. */
  | 'noEnd'
  /** A page of a stream whose beginning is not there [1]. */
  | 'strayPage'
  /** A stream beside the voice, or after it, that is not played [1]. */
  | 'otherStream'
  /** A stream has no tags where they belong [1]. */
  | 'noTags'
  /** A tag is not UTF-8 [tags]. */
  | 'tagEncoding'
  /** A tag is not NAME=value [tags]. */
  | 'tagShape'
  /** The tags are cut short [1]. */
  | 'tagsCut';

/** Hears of trouble where it is met. */
export type OnTrouble = (kind: OggTroubleKind, amount: number) => void;
