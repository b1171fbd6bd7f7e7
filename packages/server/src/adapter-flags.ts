// Settings of the log and the store: which adapter is used, and its location. `hayate serve` uses
// both tables; commands that work on an archive use only the store's.
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
    help: 'where the archive is kept; fs: in --data; credentials of S3 and GCS come from their usual environment variables',
  },
  storeEndpoint: {
    kind: 'string',
    placeholder: 'URL',
    group: 'Archive',
    help: 'address of a server that speaks S3 or GCS; default: the cloud itself',
  },
  storeRegion: { kind: 'string', default: 'us-east-1', group: 'Archive', help: 'region of an S3 bucket' },
  storeTimeoutMs: {
    kind: 'duration',
    default: 60_000,
    min: 100,
    max: 600_000,
    group: 'Archive',
    help: 'a request to S3 or GCS without a complete answer after this time is sent again, at most three times',
  },
  storeRequestsMax: {
    kind: 'number',
    default: 64,
    min: 1,
    max: 1_024,
    group: 'Archive',
    help: 'concurrent requests to S3 or GCS; others wait their turn',
  },
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
    help: 'partitions of a newly created log; those of an existing log never change; default: 1 (file), 16 (kafka)',
  },
  logBytesMax: {
    kind: 'number',
    default: 20_480 * MIB,
    min: 64 * MIB,
    unit: 'bytes',
    group: 'Log',
    help: 'size of the embedded log; when it is full, appends are refused',
  },
  kafkaGroup: { kind: 'string', group: 'Kafka', help: 'consumer group of the archivers; default: hayate-TOPIC' },
  kafkaInstanceId: {
    kind: 'string',
    group: 'Kafka',
    help: 'name under which a restarted process gets its partitions back; default: the host name',
  },
  kafkaSessionMs: {
    kind: 'duration',
    default: 30_000,
    min: 1_000,
    max: 1_800_000,
    group: 'Kafka',
    help: 'an archiver that is silent for this time loses its partitions to other archivers',
  },
  kafkaReplication: { kind: 'number', default: 3, min: 1, max: 9, group: 'Kafka', help: 'copies of a newly created topic' },
  kafkaRetentionMs: {
    kind: 'duration',
    default: 604_800_000,
    min: 86_400_000,
    group: 'Kafka',
    help: 'how long a newly created topic keeps entries, archived or not',
  },
  kafkaDeliveryMs: {
    kind: 'duration',
    default: 30_000,
    min: 1_000,
    max: 300_000,
    group: 'Kafka',
    help: 'an append that is not durable after this time is refused',
  },
  kafkaWaitingBytesMax: {
    kind: 'number',
    default: 128 * MIB,
    min: MIB,
    unit: 'bytes',
    group: 'Kafka',
    help: 'bytes that may wait to become durable; more are refused',
  },
  kafkaTls: { kind: 'boolean', group: 'Kafka', help: 'connect by TLS' },
  kafkaTlsCa: { kind: 'string', group: 'Kafka', placeholder: 'FILE', help: 'PEM certificates that brokers are checked against' },
  kafkaTlsCert: { kind: 'string', group: 'Kafka', placeholder: 'FILE', help: 'PEM certificate chain of this client; with --kafka-tls-key' },
  kafkaTlsKey: { kind: 'string', group: 'Kafka', placeholder: 'FILE', help: 'PEM private key of this client' },
  kafkaSasl: {
    kind: 'string',
    choices: ['plain', 'scram-sha-256', 'scram-sha-512'],
    group: 'Kafka',
    help: 'how to log in, with --kafka-user and --kafka-password',
  },
  kafkaUser: { kind: 'string', group: 'Kafka', help: 'user to log in as' },
  kafkaPassword: { kind: 'string', secret: true, group: 'Kafka', help: "the user's password" },
});

export type StoreSettings = FlagValues<typeof storeFlags>;
export type LogSettings = FlagValues<typeof logFlags>;
