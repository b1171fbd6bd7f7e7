// A publisher under measurement. Arguments: the contestant, a Redis URL. In: lines of the form
// `rate batch messages`. Out: a line for each, when all messages are answered. A clock with a
// period of a millisecond starts the publishes, each batch in a turn of its own.
import { createInterface } from 'node:readline';
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises';
import { createContext } from '../../packages/server/src/kernel/context.ts';
import { parseFlags } from '../../packages/server/src/kernel/flag.ts';
import { serveFlags } from '../../packages/server/src/serve-flags.ts';
import { openRedisShards } from '../../packages/server/src/shard/redis/open.ts';

const CHANNELS = Array.from({ length: 100 }, (_, i) => `live:studio-${i}`);
const MESSAGE = Buffer.alloc(640, 7);

interface Publisher {
  publish(channels: readonly string[]): void;
  /** Resolves when all messages are answered. */
  settled(): Promise<void>;
  close(): void | Promise<void>;
}

const contestants: Record<string, (url: string) => Promise<Publisher>> = {
  /** Runs only the clock. */
  async idle() {
    return { publish: () => undefined, settled: async () => undefined, close: () => undefined };
  },
  async hayate(url) {
    const context = createContext({ logLevel: 'silent' });
    // Without a slot, so that this contestant writes when the others do.
    const settings = parseFlags(
      serveFlags,
      ['--shards', url, '--slot-ms', '0', '--shard-suspect-ms', '5000', '--shard-close-ms', '9000'],
      {},
    );
    const shards = await openRedisShards(settings, context);
    return {
      publish: (channels) => {
        for (const channel of channels) shards.publish(channel, MESSAGE);
      },
      settled: async () => {
        await nextTurn();
        while (!/^hayate_shard_unanswered\{.*\} 0$/m.test(await context.registry.metrics())) await wait(1);
      },
      close: () => shards.close(),
    };
  },
  async ioredis(url) {
    const { Redis } = await import('ioredis');
    const client = new Redis(url);
    await client.ping();
    const answers = new Answers();
    return {
      publish: (channels) => {
        const [only = ''] = channels;
        if (channels.length === 1) return answers.add(client.publish(only, MESSAGE));
        const pipeline = client.pipeline();
        for (const channel of channels) pipeline.publish(channel, MESSAGE);
        answers.add(pipeline.exec());
      },
      settled: () => answers.all(),
      close: () => client.disconnect(),
    };
  },
  async 'node-redis'(url) {
    const { createClient } = await import('redis');
    const client = createClient({ url });
    await client.connect();
    const answers = new Answers();
    return {
      publish: (channels) => {
        const [only = ''] = channels;
        if (channels.length === 1) return answers.add(client.publish(only, MESSAGE));
        const multi = client.multi();
        for (const channel of channels) multi.publish(channel, MESSAGE);
        answers.add(multi.execAsPipeline());
      },
      settled: () => answers.all(),
      close: () => client.destroy(),
    };
  },
};

/** Counts the waiting promises instead of storing them, as a publisher would. */
class Answers {
  #waiting = 0;

  add(answer: Promise<unknown>): void {
    this.#waiting++;
    void answer.finally(() => this.#waiting--);
  }

  async all(): Promise<void> {
    while (this.#waiting > 0) await wait(1);
  }
}

/** Publishes `messages` at `rate` a second, in batches. */
async function publishAll(publisher: Publisher, rate: number, batch: number, messages: number): Promise<void> {
  const startMs = performance.now();
  for (let sent = 0; sent < messages; ) {
    await wait(1);
    const due = Math.min(messages, ((performance.now() - startMs) * rate) / 1_000);
    while (sent + batch <= due) {
      publisher.publish(Array.from({ length: batch }, (_, i) => CHANNELS[(sent + i) % CHANNELS.length] ?? ''));
      sent += batch;
      await nextTurn();
    }
  }
  await publisher.settled();
}

const [name = '', url = ''] = process.argv.slice(2);
const open = contestants[name];
if (open === undefined) throw new Error(`no contestant ${name}`);
const publisher = await open(url);
console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  const [rate = 0, batch = 0, messages = 0] = line.split(' ').map(Number);
  await publishAll(publisher, rate, batch, messages);
  console.log('{}');
}
await publisher.close();
