// Certificates are renewed while the server runs: by copying, by renaming, by Kubernetes' swap of a
// symbolic link, certificate and key at different moments. New connections get the new certificate,
// open ones stay, and a pair that does not match is never served.
import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { PATHS } from '@hayate/protocol';
import { CertificateFiles } from '../../packages/server/src/gateway/certificate-files.ts';
import { createContext } from '../../packages/server/src/kernel/context.ts';
import { type MadeCertificate, makeCertificate, openTls } from '../support/certificate.ts';
import { cleanUp } from '../support/clean-up.ts';
import { runHayate, startHayate } from '../support/hayate.ts';
import { poll } from '../support/poll.ts';
import { openRaw } from '../support/raw-http.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { tempDir } from '../support/temp-dir.ts';
import { connectPeer } from '../support/wire-peer.ts';

const ROLES = ['--roles', 'streamer,listener,api'];

/** The files that a server is configured to use, with `first` in them. */
function deployed(t: TestContext, first: MadeCertificate) {
  const folder = tempDir(t);
  const [certPath, keyPath] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
  copyFileSync(first.certPath, certPath);
  copyFileSync(first.keyPath, keyPath);
  return { certPath, keyPath, flags: ['--tls-cert', certPath, '--tls-key', keyPath] };
}

test('a renewed certificate is used for new connections, while open ones stay', async (t) => {
  const [first, second] = [makeCertificate(t, 'first'), makeCertificate(t, 'second', 90)];
  if (first === undefined || second === undefined) return;
  const files = deployed(t, first);
  const server = await startTestServer(t, [...ROLES, '--internal-port', '0', ...files.flags]);
  assert.equal((await openTls(t, server.url)).name, 'first');
  const expires = await server.metric('hayate_tls_certificate_expires_seconds');
  const kept = openRaw(t, server.url);
  assert.equal((await kept.ask('GET /api/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n')).status, 200);
  const viewer = await connectPeer(t, server.url, PATHS.watch);

  for (const path of ['certPath', 'keyPath'] as const) {
    copyFileSync(second[path], `${files[path]}.new`);
    renameSync(`${files[path]}.new`, files[path]);
  }
  await server.reload();
  const { name, certificate } = await openTls(t, server.url);
  assert.equal(name, 'second');
  assert.equal(await server.metric('hayate_tls_certificate_expires_seconds'), Date.parse(certificate.valid_to) / 1_000);
  assert.ok((await server.metric('hayate_tls_certificate_expires_seconds')) > expires);
  assert.equal((await kept.ask('GET /api/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n')).status, 200);
  viewer.send({ watch: { stream: 'hoshi', token: await tokenOf(t, server) } });
  await viewer.until('Watching', ({ watching }) => watching);
});

/** A token by the pairing code, since fetch does not trust the certificate. */
async function tokenOf(t: TestContext, { url, pairedUrl = '' }: TestServer): Promise<string> {
  const body = JSON.stringify({ grants: { watch: ['*'] }, pair: new URL(pairedUrl).hash.replace('#pair=', '') });
  const head = `POST /dev/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  return (JSON.parse((await openRaw(t, url).ask(head + body)).body) as { token: string }).token;
}

test('the old pair stays in use until a matching one exists, and refused pairs are counted', async (t) => {
  const [first, second] = [makeCertificate(t, 'first'), makeCertificate(t, 'second')];
  if (first === undefined || second === undefined) return;
  const files = deployed(t, first);
  const server = await startTestServer(t, [...ROLES, '--internal-port', '0', ...files.flags]);
  const served = async () => (await openTls(t, server.url)).name;
  const count = (result: string) => server.metric('hayate_tls_reloads_total', { result });
  const broken: (() => void)[] = [
    () => copyFileSync(second.certPath, files.certPath),
    () => writeFileSync(files.certPath, second.cert.slice(0, 200)),
    () => writeFileSync(files.certPath, ''),
    () => writeFileSync(files.certPath, `${first.cert}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`),
    () => writeFileSync(files.certPath, second.cert),
  ];
  for (const [index, breakIt] of broken.entries()) {
    breakIt();
    await server.reload();
    assert.equal(await served(), 'first');
    assert.equal(await count('refused'), index + 1);
  }
  rmSync(files.keyPath);
  await server.reload();
  assert.equal(await served(), 'first');
  copyFileSync(second.keyPath, files.keyPath);
  await server.reload();
  assert.equal(await served(), 'second');
  assert.deepEqual([await count('taken'), await count('refused')], [1, broken.length]);
  // Copying the same files again is not a change.
  copyFileSync(second.keyPath, files.keyPath);
  appendFileSync(files.certPath, '');
  await server.reload();
  assert.equal(await count('taken'), 1);
});

test('a mounted Secret, whose directory is swapped, is taken without a signal', async (t) => {
  const [first, second] = [makeCertificate(t, 'first'), makeCertificate(t, 'second')];
  if (first === undefined || second === undefined) return;
  const mount = tempDir(t);
  const version = (name: string, { certPath, keyPath }: MadeCertificate) => {
    mkdirSync(join(mount, name));
    copyFileSync(certPath, join(mount, name, 'tls.crt'));
    copyFileSync(keyPath, join(mount, name, 'tls.key'));
    symlinkSync(name, join(mount, '..data_tmp'));
    renameSync(join(mount, '..data_tmp'), join(mount, '..data'));
  };
  version('..1', first);
  const [certPath, keyPath] = ['tls.crt', 'tls.key'].map((name) => {
    symlinkSync(join('..data', name), join(mount, name));
    return join(mount, name);
  });
  const files = await CertificateFiles.open(createContext({ logLevel: 'silent' }), {
    certPath: String(certPath),
    keyPath: String(keyPath),
    intervalMs: 10,
  });
  cleanUp(t, () => files.close());
  let taken = files.pair.cert;
  files.onChange(({ cert }) => {
    taken = cert;
  });
  version('..2', second);
  await poll('the new certificate', () => taken === second.cert);
  assert.equal(files.pair.key, second.key);
});

test('a certificate that does not match its key is refused at the start, in one line', async (t) => {
  const [first, second] = [makeCertificate(t, 'first'), makeCertificate(t, 'second')];
  if (first === undefined || second === undefined) return;
  for (const [certPath, keyPath, message] of [
    [first.certPath, second.keyPath, /the first certificate in --tls-cert does not belong to --tls-key/],
    [first.keyPath, first.keyPath, /--tls-cert holds no PEM certificate/],
    [first.certPath, first.certPath, /--tls-key holds no PEM private key/],
    [join(tempDir(t), 'missing'), first.keyPath, /the TLS certificate or key cannot be read/],
  ] as const)
    await assert.rejects(CertificateFiles.open(createContext({ logLevel: 'silent' }), { certPath, keyPath }), {
      code: 'CONFIGURATION',
      message,
    });
  const flags = ['--tls-cert', first.certPath, '--tls-key', second.keyPath];
  const { code, stderr } = await runHayate(t, ['serve', '--port', '0', '--data', join(tempDir(t), 'data'), ...flags]);
  assert.deepEqual([code, stderr.length], [2, 1], stderr.join('\n'));
});

test('SIGHUP has every worker take the new certificate', async (t) => {
  const [first, second] = [makeCertificate(t, 'first'), makeCertificate(t, 'second')];
  if (first === undefined || second === undefined) return;
  const files = deployed(t, first);
  const args = ['serve', '--port', '0', '--roles', 'api', '--workers', '2', '--internal-port', '0', '--data', join(tempDir(t), 'data')];
  const program = startHayate(t, [...args, ...files.flags]);
  const [, url = ''] = await program.untilLine(/^listening on (\S+)$/, { timeoutMs: 60_000 });
  const [, internal = ''] = await program.untilLine(/^internal port: (\S+)$/);
  assert.equal((await openTls(t, url)).name, 'first');
  for (const path of ['certPath', 'keyPath'] as const) copyFileSync(second[path], files[path]);
  program.kill('SIGHUP');
  await program.untilLine(/rereading files/);
  await poll('both workers', async () => {
    const text = await (await fetch(`${internal}/metrics`)).text();
    return [1, 2].every((worker) => text.includes(`hayate_tls_reloads_total{result="taken",worker="${worker}"} 1`));
  });
  for (const _ of [1, 2, 3, 4]) assert.equal((await openTls(t, url)).name, 'second');
  assert.ok(readFileSync(files.certPath, 'utf8') === second.cert);
  program.kill('SIGTERM');
  assert.equal((await program.exit).code, 0);
});
