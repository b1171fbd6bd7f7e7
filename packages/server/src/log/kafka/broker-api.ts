// The calls that this adapter makes, each in one version, which Kafka 2.8 and later answer. A
// broker that lacks one is refused when the log is opened, before it has any frames.
import {
  apiVersionsV3,
  createTopicsV7,
  describeConfigsV4,
  fetchV12,
  findCoordinatorV3,
  heartbeatV4,
  initProducerIdV4,
  joinGroupV7,
  leaveGroupV4,
  listOffsetsV6,
  metadataV11,
  offsetCommitV8,
  offsetFetchV7,
  produceV9,
  protocolAPIsById,
  syncGroupV5,
} from '@platformatic/kafka';
import { HayateError } from '../../kernel/error.ts';
import type { Cluster } from './cluster.ts';
import { faultOf } from './fault.ts';

const NEEDED = [
  produceV9,
  fetchV12,
  listOffsetsV6,
  metadataV11,
  offsetCommitV8,
  offsetFetchV7,
  findCoordinatorV3,
  joinGroupV7,
  heartbeatV4,
  leaveGroupV4,
  syncGroupV5,
  createTopicsV7,
  describeConfigsV4,
  initProducerIdV4,
];

/**
 * Throws CONFIGURATION, naming the missing calls, if a broker does not support all; UNREACHABLE if
 * none answers.
 */
export async function checkBrokerApis(cluster: Cluster): Promise<void> {
  const { apiKeys } = await cluster.callAny(apiVersionsV3.api, 'hayate', '1').catch((cause: unknown) => {
    if (faultOf(cause) !== 'UNSUPPORTED_VERSION') throw cause;
    throw new HayateError('CONFIGURATION', 'this broker is older than Kafka 2.8', { cause });
  });
  const spoken = new Map(apiKeys.map((api) => [api.apiKey, api]));
  const missing = NEEDED.filter(({ api: { key, version } }) => {
    const range = spoken.get(key);
    return range === undefined || version < range.minVersion || version > range.maxVersion;
  });
  if (missing.length > 0) {
    const names = missing.map(({ api: { key, version } }) => `${protocolAPIsById[key] ?? key} v${version}`);
    throw new HayateError('CONFIGURATION', `this broker does not speak ${names.join(', ')}, as Kafka 2.8 and later do`);
  }
}
