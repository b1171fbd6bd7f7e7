// Settings in, an open log or store out: the one place that chooses among their adapters, for the server and for commands.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogSettings, StoreSettings } from './adapter-flags.ts';
import type { Context } from './kernel/context.ts';
import { HayateError } from './kernel/error.ts';
import { openFileLog, readFileOffsets } from './log/file/file-log.ts';
import type { CommittedOffsets, Log } from './log/log.ts';
import { parseBucketAddress, parseEndpoint } from './store/bucket-address.ts';
import { checkPutIfAbsent } from './store/remote-store.ts';
import type { Store } from './store/store.ts';
import { openFsStore } from './store/store-fs.ts';

/** Where the embedded log keeps its files. */
export function logDirectory({ data }: { data: string }): string {
  return join(data, 'log');
}

/** Where the embedded store keeps its objects. */
export function storeDirectory({ data }: { data: string }): string {
  return join(data, 'archive');
}

/** Opens the log that `settings` name. Throws CONFIGURATION for one that no adapter is for; else as the adapter does. */
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

/** How far the log that `settings` name is archived; also while servers use it. Throws NOT_FOUND if there is none; else as the adapter does. */
export async function committedOffsets(settings: LogSettings & { data: string }): Promise<CommittedOffsets> {
  if (settings.log === 'file') return readFileOffsets(logDirectory(settings));
  const { kafkaOptions, readKafkaOffsets } = await loadKafka(settings.log);
  return readKafkaOffsets(await kafkaOptions(settings));
}

/** The adapter for Kafka, which nobody loads who does not use it. */
async function loadKafka(log: string) {
  if (!log.startsWith('kafka://')) throw new HayateError('CONFIGURATION', `--log ${log}: neither "file" nor kafka://HOST:PORT/TOPIC`);
  const [settings, opening, offsets] = await Promise.all([
    import('./log/kafka/kafka-settings.ts'),
    import('./log/kafka/kafka-log.ts'),
    import('./log/kafka/kafka-offsets.ts'),
  ]);
  return { ...settings, ...opening, ...offsets };
}

/** Where the store keeps its objects, for people: a directory or a bucket's address. */
export function storeAddress(settings: StoreSettings): string {
  return settings.store === 'fs' ? storeDirectory(settings) : settings.store;
}

/** Opens the store that `settings` name to read what is there: as openStore, but NOT_FOUND if the embedded store was never made. */
export async function openArchive(settings: StoreSettings): Promise<Store> {
  if (settings.store === 'fs')
    await stat(storeDirectory(settings)).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'ENOENT' && cause.code !== 'ENOTDIR') throw cause;
      throw new HayateError('NOT_FOUND', `there is no archive in ${settings.data}`, { cause });
    });
  return settings.store === 'fs' ? openStore(settings) : openBucket(settings);
}

/**
 * Opens the store that `settings` name. Throws CONFIGURATION for one that no adapter is for, or, to who `writes`, if its server
 * would overwrite objects; else as the adapter does.
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

/** Opens a bucket. Nobody loads an SDK who does not use it. */
async function openBucket(settings: StoreSettings): Promise<Store> {
  const { store, storeEndpoint, storeRegion: region, storeTimeoutMs: timeoutMs, storeRequestsMax: requestsMax } = settings;
  const endpoint = storeEndpoint === undefined ? undefined : parseEndpoint(storeEndpoint);
  if (store.startsWith('s3://')) {
    const { openS3Store } = await import('./store/store-s3.ts');
    return openS3Store({ ...parseBucketAddress(store), endpoint, region, timeoutMs, requestsMax });
  }
  if (store.startsWith('gs://')) {
    const { openGcsStore } = await import('./store/store-gcs.ts');
    return openGcsStore({ ...parseBucketAddress(store), endpoint, timeoutMs, requestsMax });
  }
  throw new HayateError('CONFIGURATION', `--store ${store}: neither "fs" nor s3://BUCKET/PREFIX nor gs://BUCKET/PREFIX`);
}
