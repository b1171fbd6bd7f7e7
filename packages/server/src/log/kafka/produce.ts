// One produce request. In: sealed batches of several partitions. Out: the result of each. Always
// acks=all: a partition's offset comes back when every in-sync copy has the batch.
import { createAPI, produceV9, Writer } from '@platformatic/kafka';
import type { BrokerAddress } from './address.ts';
import type { AnswerOf, Channel } from './channel.ts';
import { answerWithin, type Fault, faultOfCode } from './fault.ts';

/** The batches that a leader must append. */
interface ProduceRequest {
  readonly topic: string;
  /** How long the broker waits for the copies. */
  readonly timeoutMs: number;
  /** The bytes of one batch for each partition. */
  readonly batches: ReadonlyMap<number, Buffer>;
}

/** The result of one partition's batch. */
type Produced = { readonly offset: number } | { readonly fault: Fault };

type Answer = Exclude<AnswerOf<typeof produceV9.api>, boolean>;

const ACKS_ALL = -1;

const api = createAPI<[ProduceRequest], Answer>(
  produceV9.api.key,
  produceV9.api.version,
  ({ topic, timeoutMs, batches }: ProduceRequest) =>
    Writer.create()
      .appendString(null)
      .appendInt16(ACKS_ALL)
      .appendInt32(timeoutMs)
      .appendArray([topic], (writer, name) => {
        writer.appendString(name).appendArray([...batches], (inner, [partition, bytes]) => {
          inner.appendInt32(partition).appendBytes(bytes);
        });
      })
      .appendTaggedFields(),
  produceV9.parseResponse,
);

/**
 * Sends the request to a broker. A partition that is missing in the answer was not appended to.
 * Rejects if there was no answer.
 */
export async function produce(channel: Channel, broker: BrokerAddress, request: ProduceRequest): Promise<Map<number, Produced>> {
  const answer = await channel.call(broker, api, request).catch(answerWithin<Answer>);
  const produced = new Map<number, Produced>();
  for (const { partitionResponses } of answer.responses)
    for (const { index, errorCode, baseOffset } of partitionResponses) {
      const fault = faultOfCode(errorCode);
      produced.set(index, fault === undefined ? { offset: Number(baseOffset) } : { fault });
    }
  return produced;
}
