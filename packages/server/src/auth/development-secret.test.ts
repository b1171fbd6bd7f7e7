import assert from 'node:assert/strict';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Machine } from '../../../../test/support/power-cut/machine.ts';
import { eachSeed } from '../../../../test/support/power-cut/seeds.ts';
import { tempDir } from '../../../../test/support/temp-dir.ts';
import { developmentSecret } from './development-secret.ts';

test('a secret that was used once stays the same through kills and power cuts, and is always readable', (t) =>
  eachSeed(t, [], async (scope, draw) => {
    const machine = new Machine(scope, draw);
    let promised: string | undefined;
    const use = async () => {
      const folder = join(machine.folder, 'var/data');
      // The server and `hayate token` may make it at the same moment.
      const [secret, other] = (await Promise.all([developmentSecret(folder), developmentSecret(folder)])).map(String);
      assert.equal(other, secret);
      promised ??= secret;
      assert.equal(secret, promised);
    };
    for (let lives = 2 + draw(3); lives > 0; lives--) {
      await machine.run(draw(3) === 0 ? Number.POSITIVE_INFINITY : draw(35), use);
      await machine.restart(draw(2) === 0 ? 'kill' : 'power cut');
    }
    assert.equal(await machine.run(Number.POSITIVE_INFINITY, use), 'done');
  }));

test('only its owner can read the secret, and a file that holds anything else is refused by name', async (t) => {
  const folder = tempDir(t);
  await developmentSecret(folder);
  const path = join(folder, 'secret');
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  await writeFile(path, 'short\n');
  await assert.rejects(developmentSecret(folder), { code: 'CONFIGURATION', message: new RegExp(`^${path} does not hold`) });
});
