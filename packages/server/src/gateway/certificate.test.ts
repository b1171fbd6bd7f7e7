import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Machine } from '../../../../test/support/power-cut/machine.ts';
import { drawsOf, withScope } from '../../../../test/support/power-cut/seeds.ts';
import { tempDir } from '../../../../test/support/temp-dir.ts';
import { lanCertificate } from './certificate.ts';

test('a certificate that a phone has accepted stays the same through kills and power cuts, and is always a pair', async () => {
  for (let calls = 0, outcome = ''; outcome !== 'done'; calls++)
    for (let seed = 1; seed <= 4; seed++)
      await withScope(async (scope) => {
        const machine = new Machine(scope, drawsOf(1000 * calls + seed));
        let accepted: string | undefined;
        const use = async () => {
          const { cert, key } = await lanCertificate(join(machine.folder, 'data'), ['192.0.2.1']);
          assert.ok(new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)));
          accepted ??= cert;
          assert.equal(cert, accepted);
        };
        outcome = await machine.run(calls, use);
        await machine.restart(seed === 1 ? 'power cut' : 'kill');
        await machine.run(Number.POSITIVE_INFINITY, use);
        await machine.restart('power cut');
        await machine.run(Number.POSITIVE_INFINITY, use);
      });
});

test('a key or certificate that is damaged, or of another pair, is replaced, and only its owner reads the key', async (t) => {
  const folder = tempDir(t);
  const [first, other] = [await lanCertificate(folder, []), await lanCertificate(tempDir(t), [])];
  assert.deepEqual(await lanCertificate(folder, []), first);
  for (const [name, content] of [
    ['lan-key.pem', other.key],
    ['lan-key.pem', first.key.slice(0, 60)],
    ['lan-certificate.pem', other.cert],
    ['lan-certificate.pem', '-----BEGIN CERTIFICATE-----\n'],
  ] as const) {
    await writeFile(join(folder, name), content);
    const { cert, key } = await lanCertificate(folder, []);
    assert.ok(new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)), name);
    assert.deepEqual(await lanCertificate(folder, []), { cert, key }, 'and then it is kept');
  }
  assert.equal((await stat(join(folder, 'lan-key.pem'))).mode & 0o777, 0o600);
});
