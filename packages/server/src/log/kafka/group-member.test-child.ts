// A group member in a process of its own, so that a test can stop and continue it. In: an address,
// an instance id and a session time as arguments, and a line on stdin for each batch that it may
// commit. Out: a line for each action.
import { createInterface } from 'node:readline';
import { openKafkaLog } from './open.ts';

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
