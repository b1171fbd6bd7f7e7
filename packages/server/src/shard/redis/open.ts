// The Redis adapter of the shard seam, opened from an operator's settings: real sockets, real DNS,
// the process's clock.
import type { Context } from '../../kernel/context.ts';
import { HayateError } from '../../kernel/error.ts';
import type { Shards } from '../shard.ts';
import { socketDial } from './dial.ts';
import { dnsLookUp } from './dns-look-up.ts';
import { parsePlacement } from './placement.ts';
import { parseShardSources } from './server-address.ts';
import { openRedisServers } from './servers.ts';

/** Settings as `hayate serve` takes them; see serve-flags.ts. Times in milliseconds. */
export interface ShardSettings {
  /** A list of servers (redis/server-address.ts); it may contain passwords. */
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
 * Opens shards over the servers in the settings. Servers that cannot be reached are retried for
 * ever. Throws HayateError CONFIGURATION for invalid settings.
 */
export async function openRedisShards(settings: ShardSettings, { clock, logger, registry }: Context): Promise<Shards> {
  const { shardSuspectMs: suspectMs, shardCloseMs: closeMs, shardReturnMs: returnMs, shardResolveMs: resolveMs } = settings;
  if (closeMs < suspectMs) throw new HayateError('CONFIGURATION', '--shard-close-ms must not be less than --shard-suspect-ms');
  return openRedisServers({
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
