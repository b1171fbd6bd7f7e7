// In: a test, and a number of brokers. Out: a real Apache Kafka (KRaft; every node is broker and
// controller) from its jars in Maven Central (kafka/pom.xml), on free loopback ports until the test
// ends. Nodes can be signalled (SIGKILL, SIGSTOP, SIGCONT) and restarted on the same port with the
// same data. In a full run, the first start on a machine fetches the jars.
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, type TestContext } from 'node:test';
import type { TestScope } from './clean-up.ts';
import { freePort } from './free-port.ts';
import { ensureJars, type JvmTools, requireJvm } from './maven.ts';
import { root, runProcess, startProcess, type TestProcess } from './process.ts';
import { tempDir } from './temp-dir.ts';

/** Options for starting a Kafka. */
interface KafkaOptions {
  /**
   * Number of brokers, each also a controller. Default 1. With 3 or more, Kafka's own topics have 3
   * copies.
   */
  readonly nodes?: number;
  /** Added to every node's server.properties; replaces settings of the same name. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Added to a node's environment. */
  readonly env?: (node: number) => Readonly<Record<string, string>>;
  /**
   * A second listener on every node, with TLS (client certificate required) and SASL, for this
   * login.
   */
  readonly secure?: SecureOptions;
}

/** Credentials of the listener with TLS and SASL. */
interface SecureOptions {
  /** PEM file with a private key (PKCS #8), then its certificate. */
  readonly identityPath: string;
  /** PEM file with the certificates that clients are checked against. */
  readonly trustPath: string;
  readonly user: string;
  readonly password: string;
}

/** One broker process. */
interface KafkaNode {
  /** Counted from 1. */
  readonly id: number;
  readonly host: string;
  readonly port: number;
  /** Of the process that runs now, or of the last one. */
  readonly pid: number;
  /** The warnings and errors that it printed. */
  readonly lines: readonly string[];
  /** Sends a signal. After SIGSTOP the node hangs and its connections stay open. */
  signal(signal: NodeJS.Signals): void;
  /**
   * Ends the process, if it runs, and waits for its exit. Default SIGKILL; with SIGTERM the node
   * hands its partitions over first.
   */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Starts the stopped node on the same port with the same data; resolves once it serves. */
  start(): Promise<void>;
  /** Stops the node (by SIGKILL unless told otherwise) and starts it. */
  restart(signal?: NodeJS.Signals): Promise<void>;
}

/** A cluster under test. The members inherited from KafkaNode are those of the first node. */
export interface Kafka extends KafkaNode {
  /** `host:port[,host:port]` of all nodes, as `--log kafka://…/TOPIC` takes them. */
  readonly bootstrap: string;
  /** The same for the listeners of `secure`. */
  readonly secureBootstrap: string;
  readonly nodes: readonly [KafkaNode, ...KafkaNode[]];
}

const pom = join(root, 'test/support/kafka/pom.xml');

const version = (): string => {
  const found = /<artifactId>kafka_2\.13<\/artifactId>\s*<version>([\d.]+)<\/version>/.exec(readFileSync(pom, 'utf8'))?.[1];
  if (found === undefined) throw new Error(`${pom} names no version of Kafka`);
  return found;
};

const jarsFolder = (): string => join(root, '.cache', 'kafka', version());

/** The JVM's arguments: small, quick to start, and logging only warnings and errors. */
const javaArguments = (jars: string): string[] => [
  '-Xms128m',
  '-Xmx512m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info',
  '-cp',
  join(jars, '*'),
];

type Ports = { readonly id: number; readonly broker: number; readonly controller: number; readonly secure: number };
const host = '127.0.0.1';

const login = ({ user, password }: SecureOptions): string => `[name=${user},password=${password}]`;

/** Settings of the listener with TLS and SASL, added to those that every node has. */
const secureProperties = (own: Ports, secure: SecureOptions): Record<string, string> => {
  const { identityPath, trustPath, user, password } = secure;
  const modules = 'org.apache.kafka.common.security';
  return {
    listeners: `PLAINTEXT://${host}:${own.broker},SASL_SSL://${host}:${own.secure},CONTROLLER://${host}:${own.controller}`,
    'advertised.listeners': `PLAINTEXT://${host}:${own.broker},SASL_SSL://${host}:${own.secure}`,
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': identityPath,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': trustPath,
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    'listener.name.sasl_ssl.ssl.client.auth': 'required',
    'listener.name.sasl_ssl.plain.sasl.jaas.config': `${modules}.plain.PlainLoginModule required user_${user}="${password}";`,
    'listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config': `${modules}.scram.ScramLoginModule required;`,
    'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config': `${modules}.scram.ScramLoginModule required;`,
  };
};

const properties = (own: Ports, all: readonly Ports[], data: string, added: Readonly<Record<string, string>>): string => {
  const copies = String(Math.min(all.length, 3));
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': String(own.id),
    'controller.quorum.voters': all.map(({ id, controller }) => `${id}@${host}:${controller}`).join(','),
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://${host}:${own.broker},CONTROLLER://${host}:${own.controller}`,
    'advertised.listeners': `PLAINTEXT://${host}:${own.broker}`,
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': data,
    'auto.create.topics.enable': 'false',
    'offsets.topic.replication.factor': copies,
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '1',
    // Small and quick, as many of these run side by side. Kafka's guarantees do not depend on it.
    'log.index.size.max.bytes': '1048576',
    'log.cleaner.dedupe.buffer.size': '2097152',
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '1000',
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '500',
    'replica.lag.time.max.ms': '5000',
    ...added,
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
};

const makeNode = (
  t: TestScope,
  { java, jars, env }: { java: string; jars: string; env: Readonly<Record<string, string>> },
  { id, broker: port }: Ports,
  config: string,
): KafkaNode => {
  let running: TestProcess | undefined;
  const current = (): TestProcess => {
    if (running === undefined) throw new Error(`Kafka node ${id} was never started`);
    return running;
  };
  const node: KafkaNode = {
    id,
    host,
    port,
    get pid() {
      return current().pid;
    },
    get lines() {
      return current().lines;
    },
    signal: (signal) => void current().kill(signal),
    stop: async (signal = 'SIGKILL') => {
      current().kill(signal);
      await current().exit;
    },
    start: async () => {
      running = startProcess(t, [...javaArguments(jars), 'kafka.Kafka', config], { executable: java, env });
      await running.untilLine(/Kafka Server started/, { timeoutMs: 60_000 });
    },
    restart: async (signal) => {
      await node.stop(signal);
      await node.start();
    },
  };
  return node;
};

const launch = async (t: TestScope, tools: JvmTools, options: KafkaOptions): Promise<Kafka> => {
  const jars = jarsFolder();
  await ensureJars(t, tools, pom, jars);
  const folder = tempDir(t);
  const ports: Ports[] = [];
  for (let id = 1; id <= (options.nodes ?? 1); id++)
    ports.push({ id, broker: await freePort(host), controller: await freePort(host), secure: await freePort(host) });
  const { secure } = options;
  // A UUID in base64. It begins with A because a leading dash would be taken for an option.
  const cluster = `A${randomBytes(16).toString('base64url').slice(1)}`;
  const nodes = await Promise.all(
    ports.map(async (own) => {
      const config = join(folder, `${own.id}.properties`);
      const added = { ...(secure === undefined ? {} : secureProperties(own, secure)), ...options.settings };
      writeFileSync(config, properties(own, ports, join(folder, String(own.id)), added));
      const users =
        secure === undefined ? [] : ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((by) => ['--add-scram', `${by}=${login(secure)}`]);
      const format = [...javaArguments(jars), 'kafka.tools.StorageTool', 'format', '-t', cluster, '-c', config, ...users];
      const { code, lines } = await runProcess(t, format, { executable: tools.java });
      if (code !== 0) throw new Error(`could not format Kafka's storage:\n${lines.join('\n')}`);
      return makeNode(t, { java: tools.java, jars, env: options.env?.(own.id) ?? {} }, own, config);
    }),
  );
  await Promise.all(nodes.map((node) => node.start()));
  const [first, ...others] = nodes;
  if (first === undefined) throw new RangeError('a Kafka has at least one node');
  // Not a spread: `pid` and `lines` must follow restarts.
  return Object.assign(Object.create(first) as KafkaNode, {
    bootstrap: nodes.map(({ port }) => `${host}:${port}`).join(','),
    secureBootstrap: ports.map((own) => `${host}:${own.secure}`).join(','),
    nodes: [first, ...others] as const,
  });
};

/**
 * Starts a Kafka for the test `t` and waits until it serves. Returns undefined after skipping the
 * test, which should then return.
 */
export const startKafka = async (t: TestContext, options: KafkaOptions = {}): Promise<Kafka | undefined> => {
  const tools = requireJvm(t, jarsFolder(), "Kafka's jars");
  return tools && launch(t, tools, options);
};

/**
 * One Kafka for all tests of a file, each of which uses its own topic. The first test that asks
 * starts it; it ends after the last test. Call this at the top of the file. The returned function
 * gives undefined after skipping the test, which should then return.
 */
export const shareKafka = (options: KafkaOptions = {}): ((t: TestContext) => Promise<Kafka | undefined>) => {
  const actions: (() => void | Promise<void>)[] = [];
  after(async () => {
    for (const action of actions) await action();
  });
  let started: Promise<Kafka> | undefined;
  return async (t) => {
    const tools = requireJvm(t, jarsFolder(), "Kafka's jars");
    if (tools !== undefined) started ??= launch({ after: (action) => void actions.push(action) }, tools, options);
    return tools && started;
  };
};
