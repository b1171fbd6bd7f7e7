// In: servers, in words. Out: the Redis adapter over them, as a process has it, with its metrics;
// and a way to send a number of messages over many slots and to wait for all of them.
import type { TestContext } from 'node:test';
import { createContext } from '../../packages/server/src/kernel/context.ts';
import { socketDial } from '../../packages/server/src/shard/redis/dial.ts';
import { dnsLookUp } from '../../packages/server/src/shard/redis/dns-look-up.ts';
import { parsePlacement } from '../../packages/server/src/shard/redis/placement.ts';
import { parseShardSources } from '../../packages/server/src/shard/redis/server-address.ts';
import { openRedisServers, type RedisServersOptions } from '../../packages/server/src/shard/redis/servers.ts';
import type { Shards } from '../../packages/server/src/shard/shard.ts';
import { cleanUp } from './clean-up.ts';
import { poll } from './poll.ts';

/** The shards of one process. */
export interface TestShards {
  readonly shards: Shards;
  /** The sum of a metric's series that have a label of this value, or of all series. */
  metric(name: string, label?: string): Promise<number>;
}

/**
 * Opens shards with the settings of `hayate serve`; they are closed when the test ends.
 * `dnsServer`: address:port.
 */
export const openTestShards = async (
  t: TestContext,
  servers: string,
  { dnsServer, ca, ...options }: Partial<RedisServersOptions> & { dnsServer?: string; ca?: string } = {},
): Promise<TestShards> => {
  const { clock, logger, registry } = createContext({ logLevel: 'silent' });
  const shards = await openRedisServers({
    sources: parseShardSources(servers),
    placement: parsePlacement('spray'),
    slotMs: 1,
    queueBytesMax: 64 * 2 ** 20,
    suspectMs: 60,
    closeMs: 250,
    returnMs: 200,
    resolveMs: 100,
    dial: socketDial(ca === undefined ? {} : { ca }),
    lookUp: dnsLookUp(dnsServer),
    clock,
    random: Math.random,
    registry,
    logger,
    ...options,
  });
  cleanUp(t, () => shards.close());
  const metric = async (name: string, label?: string): Promise<number> => {
    const lines = (await registry.metrics()).split('\n');
    const own = lines.filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    return own
      .filter((line) => label === undefined || line.includes(`="${label}"`))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  };
  return { shards, metric };
};

/** Messages in flight at once. */
const WINDOW = 8;

/** Arguments of `sendAndReceive`. */
export interface Sending {
  readonly publisher: TestShards;
  readonly subscriber: TestShards;
  readonly channel: string;
  readonly messages: number;
  /** Called after the channel is subscribed to and before anything is published. */
  readonly begin?: () => void;
}

/**
 * Publishes each message as soon as most of those before it have been received, so that the
 * messages fall into many slots. Resolves when all have been received. Duplicates that arrive later
 * are still added to the list.
 */
export const sendAndReceive = async ({ publisher, subscriber, channel, messages, begin }: Sending): Promise<string[]> => {
  const received: string[] = [];
  const different = new Set<string>();
  let sent = 0;
  const sendMore = (): void => {
    while (sent < messages && sent - different.size < WINDOW) publisher.shards.publish(channel, Buffer.from(`${channel} ${sent++}`));
  };
  await subscriber.shards.subscribe(channel, (message) => {
    const text = Buffer.from(message).toString();
    received.push(text);
    different.add(text);
    sendMore();
  });
  begin?.();
  sendMore();
  await poll(`${messages} messages`, () => different.size === messages);
  return received;
};
