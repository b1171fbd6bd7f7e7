// A member of a consumer group in a process of its own, so that it can be stopped and woken: in, an address, an instance id and
// a session on the command line, and a line on stdin for each batch that it may commit; out, what it does, a line each.
import { createInterface } from 'node:readline';
import { openKafkaLog } from './kafka-log.ts';

const [address = '', instanceId = '', sessionMs = ''] = process.argv.slice(2);
const permissions = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const log = await openKafkaLog({ address, instanceId, sessionMs: Number(sessionMs) });

await log.consume(async (partition, signal) => {
  const from = (await partition.committedOffset()) ?? 0;
  console.log(`run from ${from}`);
  for await (const entries of partition.read(from, signal)) {
    const next = (entries.at(-1)?.offset ?? 0) + 1;
    console.log(`read to ${next}`);
    await permissions.next();
    await partition.commit(next).then(
      () => console.log(`committed ${next}`),
      () => console.log(`refused ${next}, ${signal.aborted ? 'taken away' : 'still its own'}`),
    );
  }
  console.log('run ended');
});
