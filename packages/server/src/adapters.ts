// Opens the shards, the log and the store. In: settings. Out: an open adapter. Only this file
// chooses among adapters, for the server and for commands.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogSettings, StoreSettings } from './adapter-flags.ts';
import type { Context } from './kernel/context.ts';
import { HayateError } from './kernel/error.ts';
import { openFileLog, readFileOffsets } from './log/file/open.ts';
import type { CommittedOffsets, Log } from './log/log.ts';
import { openMemoryShards } from './shard/memory/open.ts';
import { openRedisShards, type ShardSettings } from './shard/redis/open.ts';
import type { Shards } from './shard/shard.ts';
import { parseBucketAddress, parseEndpoint } from './store/bucket-address.ts';
import { openFsStore } from './store/fs/open.ts';
import { checkPutIfAbsent } from './store/remote-store.ts';
import type { Store } from './store/store.ts';

/** The directory in which the embedded log keeps its files. */
function logDirectory({ data }: { data: string }): string {
  return join(data, 'log');
}

/** The directory in which the embedded store keeps its objects. */
export function storeDirectory({ data }: { data: string }): string {
  return join(data, 'archive');
}

/**
 * Opens the shards that `settings` name. Throws CONFIGURATION for invalid settings, and for memory
 * shards in a process that has only one of the roles that meet there.
 */
export async function openShards(settings: ShardSettings & { readonly roles: readonly string[] }, context: Context): Promise<Shards> {
  if (settings.shards !== 'memory') return openRedisShards(settings, context);
  if (settings.roles.includes('streamer') !== settings.roles.includes('listener'))
    throw new HayateError(
      'CONFIGURATION',
      'a streamer and a listener in different processes need --shards redis://…: memory does not reach other processes',
    );
  return openMemoryShards();
}

/**
 * Opens the log that `settings` name. Throws CONFIGURATION if no adapter fits; otherwise as the
 * adapter does.
 */
export async function openLog(settings: LogSettings & { data: string }, { registry, logger }: Context): Promise<Log> {
  const { log, logPartitions: partitions, logBytesMax: sizeBytesMax } = settings;
  if (log === 'file')
    return openFileLog({
      directory: logDirectory(settings),
      sizeBytesMax,
      registry,
      logger,
      ...(partitions === undefined ? {} : { partitions }),
    });
  const { kafkaOptions, openKafkaLog } = await loadKafka(log);
  return openKafkaLog({ ...(await kafkaOptions(settings)), registry, logger });
}

/**
 * How far the log that `settings` name is archived. Works while servers use the log. Throws
 * NOT_FOUND if there is no log; otherwise as the adapter does.
 */
export async function committedOffsets(settings: LogSettings & { data: string }): Promise<CommittedOffsets> {
  if (settings.log === 'file') return readFileOffsets(logDirectory(settings));
  const { kafkaOptions, readKafkaOffsets } = await loadKafka(settings.log);
  return readKafkaOffsets(await kafkaOptions(settings));
}

/** The Kafka adapter, loaded only when used. */
async function loadKafka(log: string) {
  if (!log.startsWith('kafka://')) throw new HayateError('CONFIGURATION', `--log ${log}: neither "file" nor kafka://HOST:PORT/TOPIC`);
  const [settings, opening, offsets] = await Promise.all([
    import('./log/kafka/kafka-settings.ts'),
    import('./log/kafka/open.ts'),
    import('./log/kafka/kafka-offsets.ts'),
  ]);
  return { ...settings, ...opening, ...offsets };
}

/** The location of the store's objects, for people: a directory or the address of a bucket. */
export function storeAddress(settings: StoreSettings): string {
  return settings.store === 'fs' ? storeDirectory(settings) : settings.store;
}

/**
 * Opens the store that `settings` name for reading: as openStore, but throws NOT_FOUND if the
 * embedded store was never made.
 */
export async function openArchive(settings: StoreSettings): Promise<Store> {
  if (settings.store === 'fs')
    await stat(storeDirectory(settings)).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'ENOENT' && cause.code !== 'ENOTDIR') throw cause;
      throw new HayateError('NOT_FOUND', `there is no archive in ${settings.data}`, { cause });
    });
  return settings.store === 'fs' ? openStore(settings) : openBucket(settings);
}

/**
 * Opens the store that `settings` name. Throws CONFIGURATION if no adapter fits or, if the caller
 * `writes`, if the store's server would overwrite objects; otherwise as the adapter does.
 */
export async function openStore(settings: StoreSettings, { writes = true } = {}): Promise<Store> {
  if (settings.store === 'fs') return openFsStore({ directory: storeDirectory(settings) });
  const store = await openBucket(settings);
  if (!writes) return store;
  try {
    await checkPutIfAbsent(store);
  } catch (error) {
    await store.close();
    throw error;
  }
  return store;
}

/** Opens a bucket. Its SDK is loaded only when used. */
async function openBucket(settings: StoreSettings): Promise<Store> {
  const { store, storeEndpoint, storeRegion: region, storeTimeoutMs: timeoutMs, storeRequestsMax: requestsMax } = settings;
  const endpoint = storeEndpoint === undefined ? undefined : parseEndpoint(storeEndpoint);
  if (store.startsWith('s3://')) {
    const { openS3Store } = await import('./store/s3/open.ts');
    return openS3Store({ ...parseBucketAddress(store), endpoint, region, timeoutMs, requestsMax });
  }
  if (store.startsWith('gs://')) {
    const { openGcsStore } = await import('./store/gcs/open.ts');
    return openGcsStore({ ...parseBucketAddress(store), endpoint, timeoutMs, requestsMax });
  }
  throw new HayateError('CONFIGURATION', `--store ${store}: neither "fs" nor s3://BUCKET/PREFIX nor gs://BUCKET/PREFIX`);
}
