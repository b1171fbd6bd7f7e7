// The access flags, against a real Apache Kafka that requires certificates and logins.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startKafka } from '../../../../../test/support/kafka.ts';
import { requireTool } from '../../../../../test/support/require-tool.ts';
import { tempDir } from '../../../../../test/support/temp-dir.ts';
import { logFlags } from '../../adapter-flags.ts';
import { parseFlags } from '../../kernel/flag.ts';
import { text } from '../contract.ts';
import { readKafkaOffsets } from './kafka-offsets.ts';
import { kafkaOptions } from './kafka-settings.ts';
import { openKafkaLog } from './open.ts';

const options = (flags: readonly string[]) => kafkaOptions(parseFlags(logFlags, flags, {}));

test('contradictory settings are refused', async () => {
  const refusals: [string[], RegExp][] = [
    [['--kafka-tls-ca', 'ca.pem'], /need --kafka-tls/],
    [['--kafka-tls', '--kafka-tls-cert', 'c.pem'], /--kafka-tls-cert and --kafka-tls-key together/],
    [['--kafka-tls', '--kafka-tls-ca', '/nowhere/ca.pem'], /--kafka-tls-ca: cannot read/],
    [['--kafka-sasl', 'plain', '--kafka-user', 'ann'], /--kafka-sasl, --kafka-user and --kafka-password together/],
    [['--kafka-instance-id', 'a b'], /--kafka-instance-id/],
  ];
  for (const [flags, message] of refusals) await assert.rejects(options(flags), { code: 'CONFIGURATION', message });
});

test('a log opens by TLS with a certificate and each kind of login, and not without either', async (t) => {
  const openssl = requireTool(t, 'openssl');
  if (openssl === undefined) return;
  const folder = tempDir(t);
  const [key, certificate, identity] = ['key.pem', 'certificate.pem', 'identity.pem'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  execFileSync(openssl, ['req', '-x509', ...curve, ...subject, '-keyout', key, '-out', certificate], { stdio: 'ignore' });
  writeFileSync(identity, `${readFileSync(key, 'utf8')}${readFileSync(certificate, 'utf8')}`);
  const secure = { identityPath: identity, trustPath: certificate, user: 'hayate', password: 'swift-wind-0' };
  const kafka = await startKafka(t, { secure });
  if (kafka === undefined) return;
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, `${secure.password}\n`);
  const address = `kafka://${kafka.secureBootstrap}/secure`;
  const tls = ['--kafka-tls', '--kafka-tls-ca', certificate, '--kafka-tls-cert', certificate, '--kafka-tls-key', key];
  const login = (sasl: string) => ['--kafka-sasl', sasl, '--kafka-user', secure.user, '--kafka-password-file', passwordFile];
  const flags = ['--log', address, '--kafka-replication', '1', '--log-partitions', '2'];
  for (const sasl of ['plain', 'scram-sha-256', 'scram-sha-512']) {
    const settings = await options([...flags, ...tls, ...login(sasl)]);
    const log = await openKafkaLog(settings);
    await log.append('k', text(sasl));
    await log.close();
    assert.deepEqual((await readKafkaOffsets(settings)).partitions, [undefined, undefined]);
  }
  const lacking = [
    [...login('plain')],
    [...tls],
    [...tls.slice(0, 3), ...login('plain')],
    [...tls, '--kafka-sasl', 'plain', '--kafka-user', secure.user, '--kafka-password', 'wrong'],
    ['--kafka-tls', ...tls.slice(3), ...login('plain')],
  ];
  for (const less of lacking)
    await assert.rejects(openKafkaLog(await options([...flags, ...less])), (error: Error & { code: string }) => {
      assert.equal(error.code, 'UNREACHABLE', error.message);
      assert.ok(!error.message.includes(secure.password));
      return true;
    });
});
