// Converts flags to the options of a Kafka log: it reads TLS files and refuses incomplete logins.
import { readFile } from 'node:fs/promises';
import type { LogSettings } from '../../adapter-flags.ts';
import { HayateError } from '../../kernel/error.ts';
import type { Security } from './channel.ts';
import type { KafkaLogOptions } from './open.ts';

/**
 * The Kafka options in `settings`. Throws CONFIGURATION for contradictory settings, or for a file
 * that cannot be read.
 */
export async function kafkaOptions(settings: LogSettings): Promise<KafkaLogOptions> {
  const { logPartitions, kafkaGroup, kafkaInstanceId } = settings;
  return {
    address: settings.log,
    replication: settings.kafkaReplication,
    retentionMs: settings.kafkaRetentionMs,
    sessionMs: settings.kafkaSessionMs,
    deliveryMs: settings.kafkaDeliveryMs,
    waitingBytesMax: settings.kafkaWaitingBytesMax,
    security: { ...(await tlsOf(settings)), ...saslOf(settings) },
    ...(logPartitions === undefined ? {} : { partitions: logPartitions }),
    ...(kafkaGroup === undefined ? {} : { group: kafkaGroup }),
    ...(kafkaInstanceId === undefined ? {} : { instanceId: instanceId(kafkaInstanceId) }),
  };
}

function instanceId(id: string): string {
  if (!/^[A-Za-z0-9._-]{1,249}$/.test(id))
    throw new HayateError('CONFIGURATION', '--kafka-instance-id may contain only letters, digits, ".", "_" and "-"');
  return id;
}

async function tlsOf({ kafkaTls, kafkaTlsCa, kafkaTlsCert, kafkaTlsKey }: LogSettings): Promise<Security> {
  if (!kafkaTls) {
    if ((kafkaTlsCa ?? kafkaTlsCert ?? kafkaTlsKey) !== undefined)
      throw new HayateError('CONFIGURATION', 'certificates for Kafka need --kafka-tls');
    return {};
  }
  if ((kafkaTlsCert === undefined) !== (kafkaTlsKey === undefined))
    throw new HayateError('CONFIGURATION', 'give --kafka-tls-cert and --kafka-tls-key together');
  return {
    tls: {
      ...(kafkaTlsCa === undefined ? {} : { ca: await readPem('--kafka-tls-ca', kafkaTlsCa) }),
      ...(kafkaTlsCert === undefined ? {} : { cert: await readPem('--kafka-tls-cert', kafkaTlsCert) }),
      ...(kafkaTlsKey === undefined ? {} : { key: await readPem('--kafka-tls-key', kafkaTlsKey) }),
    },
  };
}

async function readPem(flag: string, path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new HayateError('CONFIGURATION', `${flag}: cannot read ${path}`, { cause });
  });
}

function saslOf({ kafkaSasl, kafkaUser, kafkaPassword }: LogSettings): Security {
  const given = [kafkaSasl, kafkaUser, kafkaPassword].filter((value) => value !== undefined).length;
  if (given === 0) return {};
  if (kafkaSasl === undefined || kafkaUser === undefined || kafkaPassword === undefined)
    throw new HayateError('CONFIGURATION', 'give --kafka-sasl, --kafka-user and --kafka-password together');
  return { sasl: { mechanism: MECHANISMS[kafkaSasl], username: kafkaUser, password: kafkaPassword } };
}

const MECHANISMS = { plain: 'PLAIN', 'scram-sha-256': 'SCRAM-SHA-256', 'scram-sha-512': 'SCRAM-SHA-512' } as const;
