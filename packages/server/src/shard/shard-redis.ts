// The Redis adapter of the shard seam, from settings as an operator writes them: real sockets, real DNS, the process's clock.
import type { Context } from '../kernel/context.ts';
import { HayateError } from '../kernel/error.ts';
import { socketDial } from './redis/dial.ts';
import { dnsLookUp } from './redis/dns-look-up.ts';
import { parsePlacement } from './redis/placement.ts';
import { openRedisShards } from './redis/redis-shards.ts';
import { parseShardSources } from './redis/server-address.ts';
import type { Shards } from './shard.ts';

/** As `hayate serve` takes them; see serve-flags.ts. Times in milliseconds. */
export interface ShardSettings {
  /** Servers, in words (redis/server-address.ts); it may hold passwords. */
  readonly shards: string;
  readonly placement: string;
  readonly slotMs: number;
  readonly shardQueueBytesMax: number;
  readonly shardSuspectMs: number;
  readonly shardCloseMs: number;
  readonly shardReturnMs: number;
  readonly shardResolveMs: number;
  /** `address:port`; undefined: the system's resolver. */
  readonly dnsServer: string | undefined;
}

/**
 * Opens shards over the servers that the settings name. Servers that cannot be reached are tried again for ever; throws
 * HayateError CONFIGURATION for settings that cannot be meant.
 */
export async function openShards(settings: ShardSettings, { clock, logger, registry }: Context): Promise<Shards> {
  const { shardSuspectMs: suspectMs, shardCloseMs: closeMs, shardReturnMs: returnMs, shardResolveMs: resolveMs } = settings;
  if (closeMs < suspectMs) throw new HayateError('CONFIGURATION', '--shard-close-ms must not be less than --shard-suspect-ms');
  return openRedisShards({
    sources: parseShardSources(settings.shards),
    placement: parsePlacement(settings.placement),
    slotMs: settings.slotMs,
    queueBytesMax: settings.shardQueueBytesMax,
    suspectMs,
    closeMs,
    returnMs,
    resolveMs,
    dial: socketDial(),
    lookUp: dnsLookUp(settings.dnsServer),
    clock,
    random: Math.random,
    registry,
    logger,
  });
}
