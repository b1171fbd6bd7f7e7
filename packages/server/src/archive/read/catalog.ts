// Lists the broadcasts of an archive, from object names and the tags of audio segments. Reads only
// the head of each audio object.

import { epochStartedMs, epochText } from '@hayate/protocol';
import { OggError, readOggOpusHeaders } from '../../format/ogg/index.ts';
import { HayateError } from '../../kernel/error.ts';
import type { Store, StoredObject } from '../../store/store.ts';
import { type AudioFacts, isErasedAudio, readAudioFacts } from '../layout/audio-object.ts';
import { broadcastKey } from '../layout/broadcast-name.ts';
import { listErased } from '../layout/erasure-record.ts';
import { audioPrefix, parseAudioKey } from '../layout/path.ts';

/** One audio object of a broadcast. */
interface ArchivedSegment extends AudioFacts {
  key: string;
  /** Bytes. */
  size: number;
  participant: number;
  /** Whether it holds frames that arrived for a time already written. */
  late: boolean;
  /** 48 kHz samples since the epoch began. */
  position: number;
}

/** One epoch that has audio in the archive. */
export interface ArchivedBroadcast {
  stream: string;
  /** 16 hex digits. */
  epoch: string;
  /** When the epoch was minted. */
  startedAt: Date;
  /** In name order: by participant, on time before late. */
  audioSegments: ArchivedSegment[];
}

const HEADER_BYTES = 4_096;

/**
 * Lists broadcasts by stream, then time, without those that have been erased; of one stream if
 * given. Throws CORRUPT for an audio object that cannot be read.
 */
export async function* listBroadcasts(store: Store, options: { stream?: string } = {}): AsyncIterable<ArchivedBroadcast> {
  const erased = await listErased(store, options.stream);
  let current: ArchivedBroadcast | undefined;
  for await (const object of store.list(options.stream === undefined ? 'audio/' : audioPrefix(options.stream))) {
    const name = parseAudioKey(object.key);
    const epoch = name === undefined ? '' : epochText(name.epoch);
    if (name === undefined || erased.has(broadcastKey({ stream: name.stream, epoch }))) continue;
    const facts = await readFacts(store, object);
    if (facts === undefined) continue;
    if (current?.stream !== name.stream || current.epoch !== epoch) {
      if (current !== undefined) yield current;
      current = { stream: name.stream, epoch, startedAt: new Date(epochStartedMs(name.epoch)), audioSegments: [] };
    }
    current.audioSegments.push({
      key: object.key,
      size: object.size,
      participant: name.participant,
      late: name.late,
      position: name.position,
      ...facts,
    });
  }
  if (current !== undefined) yield current;
}

/** Returns undefined for a segment that has been erased or deleted meanwhile. */
async function readFacts(store: Store, { key, size }: StoredObject): Promise<AudioFacts | undefined> {
  for (let length = HEADER_BYTES; ; length *= 16) {
    const bytes = await store.get(key, { offset: 0, length: Math.min(length, size) });
    if (bytes === undefined) return undefined;
    try {
      const { tags } = readOggOpusHeaders(bytes);
      if (isErasedAudio(tags)) return undefined;
      const facts = readAudioFacts(tags);
      if (facts !== undefined) return facts;
      throw new HayateError('CORRUPT', `${key} is not an audio segment of Hayate`);
    } catch (cause) {
      // The OggError may only mean that the tags are longer than the bytes read: titles can be
      // long.
      if (cause instanceof OggError && length < size) continue;
      throw cause instanceof OggError ? new HayateError('CORRUPT', `${key} cannot be read`, { cause }) : cause;
    }
  }
}
