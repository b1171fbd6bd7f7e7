// Computes the digest of an audio object's content from the decoded file, to compare with its tag
// (spec/archive.md, "Audio").

import { logicalDigest } from '../../format/logical-digest.ts';
import type { OggOpusLink } from '../../format/ogg/index.ts';
import { OGG_DIGEST_TAG } from '../layout/audio-object.ts';

/**
 * The digest of a file as it is now: over its head, its tags except the digest's own, and each
 * packet.
 */
export function audioContentDigest({ head, tags, packets }: Pick<OggOpusLink, 'head' | 'tags' | 'packets'>): string {
  const { channels, preSkip, inputSampleRate } = head;
  const described = tags.filter(([name]) => name !== OGG_DIGEST_TAG);
  const description = JSON.stringify([{ channels, preSkip, inputSampleRate }, described]);
  return logicalDigest([description, ...packets.map(({ data }) => data)]);
}
