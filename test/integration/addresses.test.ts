// Addresses in every spelling, on real sockets: which ones may be listened on without a key,
// whether the printed address opens, who may have a token, and the effects of a resolver without
// IPv4, IPv6 or any localhost.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { get, request } from 'node:http';
import { request as requestHttps } from 'node:https';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { lanAddresses, lanCertificate } from '../../packages/server/src/gateway/certificate.ts';
import { freePort } from '../support/free-port.ts';
import { demoClip, runHayate } from '../support/hayate.ts';
import { requireIpv6, withHosts } from '../support/network.ts';
import type { TestProcess } from '../support/process.ts';
import { startTestServer } from '../support/server.ts';
import { tempDir } from '../support/temp-dir.ts';

const WAIT = { timeoutMs: 90_000 };
const key = ['--jwt-secret', 'a secret of thirty-two bytes, or more'];
const refusedBy = (t: TestContext, flags: readonly string[], message: RegExp) =>
  assert.rejects(startTestServer(t, flags), { code: 'CONFIGURATION', message });

/** The status of POST /dev/token at `url` for a client that uses `host` as the server's name. */
const tokenStatus = (url: string, host: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const headers = { Host: host, 'Content-Type': 'application/json' };
    const asked = request(`${url}/dev/token`, { method: 'POST', headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    asked.on('error', reject);
    asked.end(JSON.stringify({ grants: { publish: ['a'] } }));
  });

test('each spelling of a loopback address needs no key, and the printed address opens and gives tokens', async (t) => {
  if (!requireIpv6(t)) return;
  const urls: readonly (readonly [host: string, url: RegExp])[] = [
    ['127.0.0.1', /^http:\/\/(localhost|127\.0\.0\.1):\d+$/],
    ['127.0.0.2', /^http:\/\/127\.0\.0\.2:\d+$/],
    ['127.1', /^http:\/\/(localhost|127\.0\.0\.1):\d+$/],
    ['::ffff:127.0.0.3', /^http:\/\/127\.0\.0\.3:\d+$/],
    ['::1', /^http:\/\/(localhost|\[::1\]):\d+$/],
    ['[::1]', /^http:\/\/(localhost|\[::1\]):\d+$/],
    ['0:0:0:0:0:0:0:1', /^http:\/\/(localhost|\[::1\]):\d+$/],
    ['[0000:0000::0001%lo]', /^http:\/\//],
    ['LocalHost', /^http:\/\/localhost:\d+$/i],
  ];
  for (const [host, url] of urls) {
    const server = await startTestServer(t, ['--roles', 'api', '--host', host]);
    if (!host.includes('%')) {
      assert.match(server.url, url, host);
      assert.equal((await fetch(`${server.url}/readyz`)).status, 200, host);
    }
    assert.equal(server.development, true);
    const { port } = new URL(server.url.replace(/%25\w+/, ''));
    assert.ok(Number(port) > 0, server.url);
  }
});

test('an address that others reach needs a key in any spelling, and so does a name that resolves to one', async (t) => {
  for (const host of ['0.0.0.0', '::', '[::]', '0:0:0:0:0:0:0:0', '::ffff:0.0.0.0', '::ffff:10.0.0.1', '10.0.0.1', '2001:db8::1', '0'])
    await refusedBy(t, ['--host', host], /^listening on .* needs a key/);
});

test('a text that is not an address is refused with a hint', async (t) => {
  await refusedBy(t, ['--host', '127.0.0.1:9000'], /^--host takes an address without a port: --host 127\.0\.0\.1 --port 9000$/);
  await refusedBy(t, ['--host', '[::1]:9000'], /^--host takes an address without a port: --host \[::1\] --port 9000$/);
  await refusedBy(t, ['--host', 'localhost:9000'], /--host localhost --port 9000$/);
  await refusedBy(t, ['--internal-port', '0', '--internal-host', '[::1]:9000'], /^--internal-host .*--internal-port 9000$/);
  for (const host of ['http://localhost', '[::1', '::g', 'a b', '[localhost]', '127.0.0.1/8', '::1%'])
    await refusedBy(t, ['--host', host], /^--host must be an address or a name, such as/);
  await refusedBy(t, ['--host', 'fe80::1'], /^--host fe80::1 is a link-local address: .* fe80::1%eth0$/);
  await refusedBy(t, ['--host', 'no.such.name.invalid'], /^--host no\.such\.name\.invalid: the name has no address$/);
  await refusedBy(t, ['--host', '192.0.2.1', ...key], /^cannot listen on 192\.0\.2\.1:0: /);
  await refusedBy(t, ['--host', '2001:db8::1', ...key], /^cannot listen on \[2001:db8::1\]:0: /);
});

test('a server on all addresses prints a reachable one of each kind', async (t) => {
  if (!requireIpv6(t)) return;
  for (const host of ['0.0.0.0', '::', '::ffff:0.0.0.0']) {
    const server = await startTestServer(t, ['--roles', 'api', '--host', host, '--internal-port', '0', '--internal-host', host, ...key]);
    assert.equal((await fetch(server.url)).ok, true, server.url);
    const internal = server.internalUrl ?? 'no internal port';
    assert.equal((await fetch(`${internal}/readyz`)).status, 200, internal);
    const { port } = new URL(server.url);
    assert.equal((await fetch(`http://127.0.0.1:${port}/`)).ok, true, `${host} by IPv4`);
    if (host === '::') assert.equal((await fetch(`http://[::1]:${port}/`)).ok, true, 'by IPv6');
  }
});

test('the zone of a link-local address is kept, for listening and in the printed address', async (t) => {
  if (!requireIpv6(t)) return;
  const found = Object.entries(networkInterfaces())
    .flatMap(([zone, list]) => (list ?? []).map(({ address }) => ({ zone, address })))
    .find(({ address }) => address.startsWith('fe80:'));
  if (found === undefined) return t.skip('needs an interface with an IPv6 address of its link (fe80::…)');
  const { address, zone } = found;
  const server = await startTestServer(t, ['--roles', 'api', '--host', `[${address.toUpperCase()}%${zone}]`, ...key]);
  assert.ok(server.url.startsWith(`http://[${address}%25${zone}]:`), server.url);
  const port = Number(/:(\d+)$/.exec(server.url)?.[1]);
  const status = await new Promise((resolve, reject) => {
    // As curl sends it: a zone has no meaning on other machines and is left out of Host (RFC 6874
    // section 1).
    const headers = { Host: `[${address}]:${port}` };
    get({ host: `${address}%${zone}`, port, path: '/readyz', headers }, (response) => resolve(response.resume().statusCode)).on(
      'error',
      reject,
    );
  });
  assert.equal(status, 200);
});

test('a client is redirected to the token port under any address of this machine, and under no name but localhost', async (t) => {
  if (!requireIpv6(t)) return;
  const { url } = await startTestServer(t, ['--roles', 'api', '--host', '::1']);
  const { port } = new URL(url);
  const own = ['[::1]', '[fd00::1]', '127.0.0.1', '127.0.0.2', 'localhost', 'LOCALHOST', 'a.localhost'];
  for (const host of own) {
    assert.equal(await tokenStatus(url, `${host}:${port}`), 307, host);
    assert.equal(await tokenStatus(url, host), 307, host);
  }
  // An attacker can make dns.example resolve to 127.0.0.1.
  for (const host of ['dns.example', 'localhost.example', '127.0.0.1.example']) assert.equal(await tokenStatus(url, host), 403, host);
});

test('a client with an IPv4-mapped loopback address counts as on this machine', async (t) => {
  if (!requireIpv6(t)) return;
  const server = await startTestServer(t, ['--roles', 'api', '--lan']);
  const { port } = new URL(server.url);
  const { cert } = await lanCertificate(server.dataDirectory, lanAddresses());
  // The socket accepts both families, and 127.0.0.1 appears as ::ffff:127.0.0.1.
  for (const host of ['127.0.0.1', '::1']) {
    const status = await new Promise((resolve, reject) => {
      const headers = { 'Content-Type': 'application/json' };
      const asked = requestHttps({ host, port, path: '/dev/token', method: 'POST', ca: cert, headers }, (response) =>
        resolve(response.resume().statusCode),
      );
      asked.on('error', reject);
      asked.end(JSON.stringify({ grants: { publish: ['a'] } }));
    });
    assert.equal(status, 307, `${host}: the certificate holds it, and it is this machine`);
  }
});

test('--lan prints IPv6 addresses if there is no IPv4, and no link-local ones', () => {
  const at = (address: string, family: 'IPv4' | 'IPv6', internal = false) =>
    ({ address, family, internal, netmask: '', mac: '', cidr: null, ...(family === 'IPv6' ? { scopeid: 0 } : {}) }) as never;
  const lo = [at('127.0.0.1', 'IPv4', true), at('::1', 'IPv6', true)];
  const v6 = [at('fe80::1', 'IPv6'), at('fd00::2', 'IPv6'), at('2001:db8::2', 'IPv6')];
  assert.deepEqual(lanAddresses({ lo, eth0: v6 }), ['fd00::2', '2001:db8::2']);
  assert.deepEqual(lanAddresses({ lo, eth0: [...v6, at('192.168.1.5', 'IPv4')] }), ['192.168.1.5']);
  assert.deepEqual(lanAddresses({ lo }), []);
});

/** The address that a server prints, and its exit. */
const addressOf = async (server: TestProcess): Promise<string> => (await server.untilLine(/^listening on (http\S+)$/, WAIT))[1] ?? '';
const serve = (data: string, ...flags: string[]) => [
  'serve',
  '--roles',
  'streamer,listener,api,archiver',
  '--data',
  data,
  '--port',
  '0',
  '--log-level',
  'silent',
  ...flags,
];

test('commands reach the server where localhost is IPv4 only, IPv6 only, both or unknown', async (t) => {
  if (!requireIpv6(t)) return;
  const folder = tempDir(t);
  const clip = join(folder, 'clip.ogg');
  writeFileSync(clip, demoClip(1).bytes);
  const worlds: readonly (readonly [hosts: readonly string[], host: string, url: RegExp])[] = [
    [['127.0.0.1 localhost'], '::1', /^http:\/\/\[::1\]:/],
    [['::1 localhost'], '127.0.0.1', /^http:\/\/127\.0\.0\.1:/],
    [['::1 localhost', '127.0.0.1 localhost'], 'localhost', /^http:\/\/localhost:/],
    [[], 'localhost', /^http:\/\/127\.0\.0\.1:/],
  ];
  await Promise.all(
    worlds.map(async ([hosts, host, url], index) => {
      const start = withHosts(t, hosts);
      if (start === undefined) return;
      const server = start(serve(join(folder, String(index)), '--host', host));
      const printed = await addressOf(server);
      assert.match(printed, url, `${host} among ${hosts.join(', ')}`);
      const { port } = new URL(printed);
      // The printed address, and localhost without a scheme wherever it can resolve to this server.
      const isNamed = !['::1', '127.0.0.1'].includes(host);
      const sent = start(['broadcast', clip, '--stream', 'a', '--server', isNamed ? `localhost:${port}` : printed]);
      assert.deepEqual(await sent.exit, { code: 0, signal: null }, sent.lines.join('\n'));
      assert.match(sent.stderr.join('\n'), /everything acknowledged/);
    }),
  );
});

test('a name is checked and bound by the address that it resolves to', async (t) => {
  const folder = tempDir(t);
  const start = withHosts(t, ['127.0.0.1 localhost', '127.0.0.5 here.example', '192.0.2.1 away.example']);
  if (start === undefined) return;
  const here = start(serve(join(folder, 'here'), '--host', 'here.example'));
  const away = start(serve(join(folder, 'away'), '--host', 'away.example'));
  const printed = await addressOf(here);
  assert.match(printed, /^http:\/\/127\.0\.0\.5:/, 'development mode answers under addresses alone');
  assert.equal(await tokenStatus(printed, new URL(printed).host), 307);
  await assert.rejects(fetch(`http://127.0.0.1:${new URL(printed).port}/`), 'it listens there alone');
  assert.equal((await away.exit).code, 2);
  assert.match(away.stderr.join('\n'), /listening on 192\.0\.2\.1 needs a key/);
});

test('workers listen on the address of their primary, and print it once', async (t) => {
  if (!requireIpv6(t)) return;
  const start = withHosts(t, ['127.0.0.1 localhost', '::1 here.example']);
  if (start === undefined) return;
  const group = start([
    'serve',
    '--roles',
    'api',
    '--workers',
    '2',
    '--host',
    'here.example',
    '--internal-port',
    '0',
    '--internal-host',
    '0:0:0:0:0:0:0:1',
    '--data',
    join(tempDir(t), 'data'),
    '--port',
    '0',
    ...key,
  ]);
  const printed = await addressOf(group);
  const { port } = new URL(printed);
  assert.equal(printed, `http://here.example:${port}`, 'with a key the name is printed');
  assert.equal((await fetch(`http://[::1]:${port}/`)).ok, true);
  const [, internal = ''] = await group.untilLine(/^internal port: (http:\/\/\[::1\]:\d+)$/, WAIT);
  assert.equal((await fetch(`${internal}/readyz`)).status, 200);
  group.kill('SIGTERM');
  assert.deepEqual(await group.exit, { code: 0, signal: null }, group.lines.join('\n'));
});

test('--server without a scheme is accepted for this machine only, and an invalid URL is refused with the reason', async (t) => {
  const clip = join(tempDir(t), 'clip.ogg');
  writeFileSync(clip, demoClip(1).bytes);
  const closed = await freePort();
  const says = async (server: string, code: number, message: RegExp) => {
    const ended = await runHayate(t, ['broadcast', clip, '--stream', 'a', '--server', server]);
    assert.equal(ended.code, code, server);
    assert.match(ended.stderr.join('\n'), message, server);
  };
  await Promise.all([
    says(`[::1]:${closed}`, 1, /no Hayate server at http:\/\/\[::1\]:\d+ \(connection refused\)/),
    says('10.0.0.1:8080', 2, /--server must say how to reach 10\.0\.0\.1:8080: https:\/\/10\.0\.0\.1:8080 or http:/),
    says('http://::1:8080', 2, /an IPv6 address needs brackets/),
    says('http://[fe80::1%25eth0]:8080', 2, /a URL cannot hold a zone/),
  ]);
});
