// In: a test and a name. Out: a certificate for that name and its key, made by openssl, as an
// operator would make them.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import { cleanUp } from './clean-up.ts';
import { poll } from './poll.ts';
import { requireTool } from './require-tool.ts';
import { tempDir } from './temp-dir.ts';

/** A self-signed certificate and its key, in files of their own. */
export interface MadeCertificate {
  readonly certPath: string;
  readonly keyPath: string;
  readonly cert: string;
  readonly key: string;
}

/**
 * Makes a certificate whose common name is `name`. Returns undefined after skipping the test `t`.
 */
export function makeCertificate(t: TestContext, name: string, days = 30): MadeCertificate | undefined {
  const openssl = requireTool(t, 'openssl');
  if (openssl === undefined) return undefined;
  const folder = tempDir(t);
  const [certPath, keyPath] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyPath];
  const names = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  execFileSync(openssl, ['req', '-x509', ...key, '-out', certPath, '-days', String(days), ...names], { stdio: 'ignore' });
  return { certPath, keyPath, cert: readFileSync(certPath, 'utf8'), key: readFileSync(keyPath, 'utf8') };
}

/**
 * Opens a TLS connection to the server at `url`; resolves when the handshake is done. The
 * connection is closed when the test ends.
 */
export async function openTls(t: TestContext, url: string): Promise<{ socket: TLSSocket; name: string; certificate: PeerCertificate }> {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port), rejectUnauthorized: false });
  socket.on('error', () => undefined);
  cleanUp(t, () => {
    socket.destroy();
  });
  await poll('a TLS handshake', () => socket.getProtocol() !== null && Object.keys(socket.getPeerCertificate()).length > 0);
  const certificate = socket.getPeerCertificate();
  return { socket, name: String(certificate.subject.CN), certificate };
}
