// The MOTION payloads of spec/vectors in hexadecimal, since the published program does not contain
// that folder. A test compares them.

/** Payloads that break the contract, by file name. */
export const unreadableVectors: Readonly<Record<string, string>> = {
  'motion-bad-bytes': '0a0901',
  'motion-bad-hips': '2a020204',
  'motion-bad-long': '1a010122020102',
  'motion-bad-short': '0a01031206000000000000',
};

/** Payloads of keys that every reader accepts. Some hold bones and shapes of a later version. */
export const keyVectors: Readonly<Record<string, string>> = {
  'motion-extra-bones': '0a080100000000000001120cffff98ecff3f0102030405061a08000002000000001022028009',
  'motion-key': '0a07610000000000401218ffff98ecff3f03b581da406da39afe7fff3f32d91d29ff3f1a07010002000000082203ff80402a07fa018727b0ea01',
  'motion-near-ties': '0a011f121efbff5b80ff3fffff5a80fe7ffaffff7f2d40feff00002d4003b581da406d',
  'motion-rest': '',
};

/** Payloads of deltas over any key. */
export const deltaVectors: Readonly<Record<string, string>> = {
  'motion-delta': '0a0160120cffffacb2ff3ffffffe7fff3f1a03010002220200bf',
  'motion-delta-none': '',
  'motion-delta-rest': '0a07610000000000401218fffffe7fff3ffffffe7fff3ffffffe7fff3ffffffe7fff3f1a070100020000000822030000002a03000000',
};
