// Where a topic is: kafka://HOST:PORT[,HOST:PORT]/TOPIC, the brokers to begin with and the topic's name.
import { parseAddress } from '../../kernel/address.ts';
import { HayateError } from '../../kernel/error.ts';

/** Where a broker listens. */
export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

/** A topic and some brokers of its cluster. */
export interface TopicAddress {
  readonly brokers: readonly BrokerAddress[];
  readonly topic: string;
}

const ADDRESS = /^kafka:\/\/([^/@?#]+)\/([A-Za-z0-9._-]{1,249})$/;
const BROKER = /^(\[[^\]]*\]|[^:[\]\s]+):(\d{1,5})$/;

/** Reads an address. Throws CONFIGURATION for anything else. */
export function parseTopicAddress(address: string): TopicAddress {
  const [, brokers, topic] = ADDRESS.exec(address) ?? [];
  const parsed = brokers?.split(',').map(parseBroker) ?? [];
  if (topic === undefined || !parsed.every((broker) => broker !== undefined))
    throw new HayateError(
      'CONFIGURATION',
      'a Kafka log is kafka://HOST:PORT[,HOST:PORT]/TOPIC; a user has flags of its own, and an IPv6 address stands in brackets',
    );
  return { brokers: parsed, topic };
}

function parseBroker(text: string): BrokerAddress | undefined {
  const [, written = '', digits] = BROKER.exec(text) ?? [];
  const host = parseAddress(written) ?? (written.startsWith('[') || written === '' ? undefined : written);
  const port = Number(digits);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}
