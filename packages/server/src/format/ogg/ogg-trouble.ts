// The kinds of faults that a tolerant reader skips or repairs, so that its caller can count and
// describe them.

/** Kinds of faults. The unit of the amount that comes with each is in brackets. */
export type OggTroubleKind =
  /** Bytes outside any page [bytes of one run]. */
  | 'junk'
  /** A damaged page: its checksum is wrong [bytes]. */
  | 'tornPage'
  /** The input ends within a page [bytes]. */
  | 'cutPage'
  /** Pages are missing [pages]. */
  | 'missingPage'
  /** A page does not follow the one before it [1]. */
  | 'pageOrder'
  /** A packet is incomplete [packets]. */
  | 'brokenPacket'
  /** A packet is not Opus [1]. */
  | 'badPacket'
  /** A packet has no bytes [1]. */
  | 'emptyPacket'
  /** Time is missing according to granule positions [48 kHz samples]. */
  | 'lostTime'
  /** A granule position does not match the packets [1]. */
  | 'granule'
  /** A stream has no end-of-stream page [1]. */
  | 'noEnd'
  /** A page belongs to a stream whose beginning is missing [1]. */
  | 'strayPage'
  /** A stream parallel to the voice, or after it, that is not played [1]. */
  | 'otherStream'
  /** A stream has no tags where they belong [1]. */
  | 'noTags'
  /** A tag is not UTF-8 [tags]. */
  | 'tagEncoding'
  /** A tag is not NAME=value [tags]. */
  | 'tagShape'
  /** The tags are cut short [1]. */
  | 'tagsCut';

/** Called for each fault when it is found. */
export type OnTrouble = (kind: OggTroubleKind, amount: number) => void;
