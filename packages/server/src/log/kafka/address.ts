// The address of a topic: kafka://HOST:PORT[,HOST:PORT]/TOPIC. It names the bootstrap brokers and
// the topic.
import { parseAddress } from '../../kernel/address.ts';
import { HayateError } from '../../kernel/error.ts';

/** Where a broker listens. */
export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

/** A topic and some brokers of its cluster. */
interface TopicAddress {
  readonly brokers: readonly BrokerAddress[];
  readonly topic: string;
}

const ADDRESS = /^kafka:\/\/([^/@?#]+)\/([A-Za-z0-9._-]{1,249})$/;
const BROKER = /^(\[[^\]]*\]|[^:[\]\s]+):(\d{1,5})$/;

/** Parses an address. Throws CONFIGURATION for anything else. */
export function parseTopicAddress(address: string): TopicAddress {
  const [, brokers, topic] = ADDRESS.exec(address) ?? [];
  const parsed = brokers?.split(',').map(parseBroker) ?? [];
  if (topic === undefined || !parsed.every((broker) => broker !== undefined))
    throw new HayateError(
      'CONFIGURATION',
      'a Kafka log is kafka://HOST:PORT[,HOST:PORT]/TOPIC; give a user with the --kafka flags, and write an IPv6 address in brackets',
    );
  return { brokers: parsed, topic };
}

function parseBroker(text: string): BrokerAddress | undefined {
  const [, written = '', digits] = BROKER.exec(text) ?? [];
  const host = parseAddress(written) ?? (written.startsWith('[') || written === '' ? undefined : written);
  const port = Number(digits);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}
