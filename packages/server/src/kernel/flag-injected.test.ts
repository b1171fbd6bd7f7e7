// The oracles are the algorithms of kubelet and Docker, reimplemented from
// pkg/kubelet/envvars/envvars.go of Kubernetes and daemon/links/links.go of moby.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { allCommands } from '../cli/index.ts';
import { defineFlags, type FlagTable, parseFlags, refuseUnknownVariables, variablesOf } from './flag.ts';
import { injectedVariables, isInjected } from './flag-injected.ts';

type Variables = Record<string, string>;
interface Port {
  readonly port: number;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly name: string;
}
interface Service {
  readonly name: string;
  readonly address: string;
  readonly ports: readonly Port[];
}

const upper = (text: string): string => text.toUpperCase().replaceAll('-', '_');
const joinHostPort = (host: string, port: number): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;

/** kubelet: envvars.FromServices, with makeLinkVariables. */
function kubelet({ name, address, ports }: Service): Variables {
  const prefix = upper(name);
  const env: Variables = { [`${prefix}_SERVICE_HOST`]: address, [`${prefix}_SERVICE_PORT`]: String(ports[0]?.port) };
  for (const { name: portName, port } of ports) if (portName !== '') env[`${prefix}_SERVICE_PORT_${upper(portName)}`] = String(port);
  for (const [index, { port, protocol }] of ports.entries()) {
    const url = `${protocol.toLowerCase()}://${joinHostPort(address, port)}`;
    if (index === 0) env[`${prefix}_PORT`] = url;
    const link = `${prefix}_PORT_${port}_${protocol}`;
    Object.assign(env, {
      [link]: url,
      [`${link}_PROTO`]: protocol.toLowerCase(),
      [`${link}_PORT`]: String(port),
      [`${link}_ADDR`]: address,
    });
  }
  return env;
}

/**
 * moby: Link.ToEnv, for a container that exposes `count` ports from `first` on. IPv6 gets no
 * brackets there.
 */
function docker(alias: string, { address, first, count, own }: { address: string; first: number; count: number; own: Variables }) {
  const prefix = upper(alias);
  const url = (port: number) => `tcp://${address}:${port}`;
  const env: Variables = { [`${prefix}_PORT`]: url(first), [`${prefix}_NAME`]: `/web/${alias}` };
  for (let port = first; port < first + count; port++) {
    const link = `${prefix}_PORT_${port}_TCP`;
    Object.assign(env, { [link]: url(port), [`${link}_ADDR`]: address, [`${link}_PORT`]: String(port), [`${link}_PROTO`]: 'tcp' });
  }
  if (count > 1) {
    const [link, last] = [`${prefix}_PORT_${first}_TCP`, first + count - 1];
    Object.assign(env, { [`${link}_START`]: url(first), [`${link}_PORT_START`]: String(first) });
    Object.assign(env, { [`${link}_END`]: url(last), [`${link}_PORT_END`]: String(last) });
  }
  for (const [name, value] of Object.entries(own)) env[`${prefix}_ENV_${name}`] = value;
  return env;
}

/** The settings of every command, as the program defines them. */
const tables: FlagTable[] = (await allCommands()).map(({ flags }) => flags);
const serve = defineFlags({
  port: { kind: 'number', default: 8080, min: 0, max: 65_535, help: 'a' },
  internalPort: { kind: 'number', default: 1, min: 0, max: 65_535, help: 'b' },
});
/**
 * Parts of service names that produce variables like Hayate's own, or names that can be split in
 * two ways.
 */
const ownWords = [
  ...new Set(tables.flatMap(variablesOf).map((name) => name.slice('HAYATE_'.length).toLowerCase().replaceAll('_', '-'))),
  ...['service', 'port', 'service-port', 'service-host', 'port-80-tcp', 'env', 'name', 'prot', '2'],
];

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/);
const word = fc.oneof(label, fc.constantFrom(...ownWords));
const serviceName = fc.array(word, { maxLength: 3 }).map((words) => ['hayate', ...words].join('-').slice(0, 63).replace(/-+$/, ''));
const address = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('10.0.0.1', 'fd00::1', '2001:db8::ffff', 'FD00::A', '::ffff:10.0.0.1'));
const portNumber = fc.oneof(fc.integer({ min: 1, max: 65_535 }), fc.constantFrom(1, 80, 8080, 65_535));
const ports = fc.uniqueArray(
  fc.record({
    port: portNumber,
    protocol: fc.constantFrom('TCP' as const, 'UDP' as const, 'SCTP' as const),
    name: fc.oneof(fc.constant(''), word),
  }),
  { minLength: 1, maxLength: 6, selector: ({ port, protocol }) => `${port} ${protocol}` },
);
const service = fc.record({ name: serviceName, address, ports });

test('all variables that kubelet sets for any Services named hayate… are ignored, and our own settings still count', () => {
  fc.assert(
    fc.property(fc.array(service, { minLength: 1, maxLength: 4 }), portNumber, fc.boolean(), (services, own, isSet) => {
      // A later Service overwrites variables of an earlier one, and a pod's own `env` overwrites
      // both.
      const injected = Object.assign({}, ...services.map(kubelet)) as Variables;
      const env = { ...injected, ...(isSet ? { HAYATE_PORT: String(own), HAYATE_INTERNAL_PORT: String(own) } : {}) };
      refuseUnknownVariables(env, tables);
      assert.deepEqual(parseFlags(serve, [], env), isSet ? { port: own, internalPort: own } : { port: 8080, internalPort: 1 });
      for (const table of tables) {
        const required = Object.values(table).filter((flag) => flag.required === true);
        if (required.length === 0) assert.deepEqual(parseFlags(table, [], injected), parseFlags(table, [], {}));
      }
      const ours = Object.keys(injected).filter((name) => name.startsWith('HAYATE_'));
      assert.deepEqual(injectedVariables(injected), ours);
    }),
  );
});

test("all variables that Docker's links set for any alias hayate… are ignored, with any variables of the linked container", () => {
  const own = fc.dictionary(
    fc.constantFrom('HAYATE_PORT', 'TOKEN', 'X', 'A_ENV_B', 'NAME').map((name) => name),
    fc.string(),
  );
  const container = fc.record({ address, first: fc.integer({ min: 1, max: 60_000 }), count: fc.integer({ min: 1, max: 4 }), own });
  fc.assert(
    fc.property(serviceName, container, (alias, linked) => {
      const env = docker(alias, linked);
      refuseUnknownVariables(env, tables);
      assert.equal(parseFlags(serve, [], env).port, 8080);
    }),
  );
});

test('a part of such a family of variables is recognised without the rest', () => {
  for (const [name, value] of [
    ['HAYATE_PORT', 'tcp://10.0.0.1:8080'],
    ['HAYATE_PORT', 'tcp://[fd00::1]:8080'],
    ['HAYATE_INTERNAL_PORT', 'udp://10.0.0.1:9090'],
    ['HAYATE_SERVICE_HOST', 'fd00::1'],
    ['HAYATE_SERVICE_PORT', '8080'],
    ['HAYATE_LISTENER_SERVICE_PORT_HTTP', '8080'],
    ['HAYATE_LOG_PORT_9092_SCTP', 'sctp://10.0.0.1:9092'],
    ['HAYATE_NAME', '/web/hayate'],
  ] as const)
    refuseUnknownVariables({ [name]: value }, tables);
});

test('a variable that only resembles one of them is refused', () => {
  const isRefused = (env: Variables) => {
    const [name = ''] = Object.keys(env);
    assert.equal(isInjected(name, env), false, `${name}=${env[name]}`);
    assert.throws(() => refuseUnknownVariables(env, tables), /^HayateError: unknown variable HAYATE_/);
  };
  assert.throws(() => refuseUnknownVariables({ HAYATE_PROT: '9000' }, tables), /unknown variable HAYATE_PROT; did you mean HAYATE_PORT\?/);
  assert.throws(() => refuseUnknownVariables({ HAYATE_PROT: 'tcp://10.0.0.1:8080' }, tables), /did you mean HAYATE_PORT\?/);
  isRefused({ HAYATE_SERVICE_HOST: 'hayate.example.com' });
  isRefused({ HAYATE_SERVICE_PORT: 'http' });
  isRefused({ HAYATE_SERVICE_PORT: '65536' });
  isRefused({ HAYATE_LOG_PORT: '9092' });
  isRefused({ HAYATE_PORT_8080_TCP: 'tcp://10.0.0.1:8081' });
  isRefused({ HAYATE_PORT_8080_TCP: 'udp://10.0.0.1:8080' });
  isRefused({ HAYATE_PORT_8080_TCP_PORT: '8081' });
  isRefused({ HAYATE_PORT_8080_TCP_PROTO: 'udp' });
  isRefused({ HAYATE_NAME: '/web/other' });
  isRefused({ HAYATE_ENV_TOKEN: 'x' });
  isRefused({ HAYATE_ENV_TOKEN: 'x', HAYATE_NAME: 'hayate' });
  isRefused({ HAYATE_HOME: '/opt/hayate' });
  for (const HAYATE_PORT of ['tcp://hayate:8080', 'http://10.0.0.1:8080', 'tcp://10.0.0.1', 'tcp://10.0.0.1:0', '10.0.0.1:8080'])
    assert.throws(() => parseFlags(serve, [], { HAYATE_PORT }), /HAYATE_PORT must be a whole number/);
});

test('an empty variable of any name counts as unset', () => {
  refuseUnknownVariables({ HAYATE_PROT: '', HAYATE_SERVICE_HOST: '' }, tables);
});

test('no valid value of a Hayate setting is mistaken for an injected one', () => {
  for (const table of tables)
    for (const [name, flag] of Object.entries(table)) {
      if (flag.positional) continue;
      for (const variable of variablesOf({ [name]: flag })) {
        assert.doesNotMatch(variable, /_SERVICE_(HOST|PORT)|_PORT_\d|_ENV_|_NAME$/, `${variable} may be set by an orchestrator`);
        if (variable.endsWith('_PORT')) assert.equal(flag.kind, 'number', `${variable} may be set by a link`);
      }
    }
});
