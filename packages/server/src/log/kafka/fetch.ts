// One fetch of one partition. In: an offset. Out: the broker's record batches, undecoded. The
// broker waits up to `waitMs` for data.
import { createAPI, fetchV12, type Reader } from '@platformatic/kafka';
import type { BrokerAddress } from './address.ts';
import type { Channel } from './channel.ts';
import { type Fault, faultOfCode } from './fault.ts';

/** The parameters of one fetch. */
interface FetchRequest {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly waitMs: number;
  /** The most bytes to fetch, unless one batch is larger. */
  readonly bytesMax: number;
}

/** The result of one fetch. */
export interface Fetched {
  readonly fault: Fault | undefined;
  /** The offset after the last durable entry. */
  readonly end: number;
  /** Batches, from the one with `offset` on; the last may be cut short. */
  readonly records: Buffer;
}

const NO_SESSION = { id: 0, epoch: -1 };
const READ_UNCOMMITTED = 0;
const NOTHING = Buffer.alloc(0);

const api = createAPI<[FetchRequest], Fetched>(
  fetchV12.api.key,
  fetchV12.api.version,
  ({ topic, partition, offset, waitMs, bytesMax }: FetchRequest) => {
    const place = { partition, currentLeaderEpoch: -1, fetchOffset: BigInt(offset), lastFetchedEpoch: -1, partitionMaxBytes: bytesMax };
    // In this version, the library's `topicId` is the topic's name.
    const topics = [{ topicId: topic, partitions: [place] }];
    return fetchV12.createRequest(waitMs, 1, bytesMax, READ_UNCOMMITTED, NO_SESSION.id, NO_SESSION.epoch, topics, [], '');
  },
  parse,
);

/** Sends the request to the partition's leader. Rejects if there was no answer. */
export function fetch(channel: Channel, leader: BrokerAddress, request: FetchRequest): Promise<Fetched> {
  return channel.call(leader, api, request);
}

/**
 * Parses https://kafka.apache.org/protocol#The_Messages_Fetch, version 12, of one partition, up to
 * its records. Later fields are not needed.
 */
function parse(_correlation: number, _key: number, _version: number, reader: Reader): Fetched {
  // The throttle time.
  reader.readInt32();
  const fault = faultOfCode(reader.readInt16());
  // The session id; this adapter uses no sessions.
  reader.readInt32();
  const [topic] = reader.readArray(
    (topicReader) => {
      topicReader.readString();
      return topicReader.readArray(parsePartition, true, false)[0];
    },
    true,
    false,
  );
  if (topic === undefined) return { fault: fault ?? 'UNKNOWN_TOPIC_OR_PARTITION', end: -1, records: NOTHING };
  return topic;
}

function parsePartition(reader: Reader): Fetched {
  reader.readInt32();
  const fault = faultOfCode(reader.readInt16());
  const end = Number(reader.readInt64());
  // The last stable offset, the log's start, aborted transactions, the preferred replica: none is
  // used.
  reader.readInt64();
  reader.readInt64();
  reader.readNullableArray((aborted) => [aborted.readInt64(), aborted.readInt64()]);
  reader.readInt32();
  return { fault, end, records: reader.readNullableBytes() ?? NOTHING };
}
