// The contract of a log, on a real Apache Kafka.
import { shareKafka } from '../../../../../test/support/kafka.ts';
import { logContract } from '../contract.ts';
import { openKafkaLog } from './open.ts';

const kafka = shareKafka();
let topics = 0;

logContract('Kafka', async (t, partitions) => {
  const shared = await kafka(t);
  if (shared === undefined) return undefined;
  const address = `kafka://${shared.bootstrap}/contract-${topics++}`;
  return { open: () => openKafkaLog({ address, partitions, replication: 1 }) };
});
