// Settings of the log and the store: which adapter holds them, and where. `hayate serve` takes both tables, commands that
// work on an archive take the store's.
import { defineFlags, type FlagValues } from './kernel/flag.ts';

const MIB = 2 ** 20;

/** Where objects are kept. */
export const storeFlags = defineFlags({
  data: {
    kind: 'string',
    default: './data',
    placeholder: 'DIR',
    help: 'directory of the embedded log and store, and of development secrets',
  },
  store: {
    kind: 'string',
    default: 'fs',
    placeholder: 'fs|s3://BUCKET/PREFIX|gs://BUCKET/PREFIX',
    group: 'Archive',
    help: 'where the archive is kept; fs: in --data; keys of S3 and GCS come from their usual environment',
  },
  storeEndpoint: {
    kind: 'string',
    placeholder: 'URL',
    group: 'Archive',
    help: 'address of a server that speaks S3 or GCS; default: the cloud itself',
  },
  storeRegion: { kind: 'string', default: 'us-east-1', group: 'Archive', help: 'region of an S3 bucket' },
});

/** Where frames are kept until they are archived. */
export const logFlags = defineFlags({
  log: {
    kind: 'string',
    default: 'file',
    placeholder: 'file|kafka://HOST:PORT[,HOST:PORT]/TOPIC',
    group: 'Log',
    help: 'where frames are durable before they are acknowledged; file: in --data, for one process',
  },
  logPartitions: {
    kind: 'number',
    min: 1,
    max: 1_000,
    group: 'Log',
    help: 'partitions of a log that is made now; those of one that exists never change; default: 1 (file), 16 (kafka)',
  },
  logBytesMax: {
    kind: 'number',
    default: 20_480 * MIB,
    min: 64 * MIB,
    unit: 'bytes',
    group: 'Log',
    help: 'size of the embedded log; when it is full, appends are refused',
  },
});

export type StoreSettings = FlagValues<typeof storeFlags>;
export type LogSettings = FlagValues<typeof logFlags>;
