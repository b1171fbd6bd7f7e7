// One fetch of one partition: an offset in, whole record batches out as the broker keeps them, undecoded. The broker waits
// for something to send, up to `waitMs`.
import { createAPI, fetchV12, type Reader } from '@platformatic/kafka';
import type { BrokerAddress } from './address.ts';
import type { Channel } from './channel.ts';
import { type Fault, faultOfCode } from './fault.ts';

/** What is wanted. */
export interface FetchRequest {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly waitMs: number;
  /** At most, unless one batch is larger. */
  readonly bytesMax: number;
}

/** What there was. */
export interface Fetched {
  readonly fault: Fault | undefined;
  /** The offset behind the last entry that is durable. */
  readonly end: number;
  /** Batches from the one with `offset` on; the last may be cut short. */
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
    // In this version the library's `topicId` is the topic's name.
    const topics = [{ topicId: topic, partitions: [place] }];
    return fetchV12.createRequest(waitMs, 1, bytesMax, READ_UNCOMMITTED, NO_SESSION.id, NO_SESSION.epoch, topics, [], '');
  },
  parse,
);

/** Sends the request to the partition's leader. Rejects if there was no answer. */
export function fetch(channel: Channel, leader: BrokerAddress, request: FetchRequest): Promise<Fetched> {
  return channel.call(leader, api, request);
}

/** https://kafka.apache.org/protocol#The_Messages_Fetch, version 12, of one partition, up to its records: nothing behind them is needed. */
function parse(_correlation: number, _key: number, _version: number, reader: Reader): Fetched {
  // How long we were throttled.
  reader.readInt32();
  const fault = faultOfCode(reader.readInt16());
  // The session, of which there is none.
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
  // The last stable offset, the log's start, aborted transactions, a nearer replica: none of them ours to use.
  reader.readInt64();
  reader.readInt64();
  reader.readNullableArray((aborted) => [aborted.readInt64(), aborted.readInt64()]);
  reader.readInt32();
  return { fault, end, records: reader.readNullableBytes() ?? NOTHING };
}
