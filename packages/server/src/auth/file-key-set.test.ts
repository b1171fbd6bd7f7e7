// A key set file that is replaced while tokens are verified with its keys.
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { issuerKey } from '../../../../test/support/issuer.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { poll } from '../../../../test/support/poll.ts';
import { tempDir } from '../../../../test/support/temp-dir.ts';
import { createContext } from '../kernel/context.ts';
import { FileKeySet } from './file-key-set.ts';
import { createVerifyToken } from './verify-token.ts';

const [first, second] = await Promise.all([issuerKey('first'), issuerKey('second')]);
const setOf = (...keys: readonly (typeof first)[]) => JSON.stringify({ keys: keys.map(({ jwk }) => jwk) });
const unauthorized = { code: 'UNAUTHORIZED', temporary: false };

async function open(t: TestContext, path: string) {
  const clock = new ManualClock();
  const lines: string[] = [];
  const context = { ...createContext({ clock }), logger: pino({ level: 'info' }, { write: (line: string) => void lines.push(line) }) };
  const keys = await FileKeySet.open(path, context);
  t.after(() => keys.close());
  const verify = createVerifyToken(keys, 'hayate');
  const accepts = (key: typeof first) =>
    key
      .sign()
      .then(verify)
      .then(
        () => true,
        () => false,
      );
  const loads = async (outcome: string) => {
    const series = `hayate_jwks_file_loads_total{outcome="${outcome}"} `;
    const line = (await context.registry.metrics()).split('\n').find((one) => one.startsWith(series));
    return Number(line?.slice(series.length));
  };
  return { keys, clock, lines, verify, accepts, loads };
}

test('a token whose key was just written into the file is accepted at once', async (t) => {
  const path = join(tempDir(t), 'keys.json');
  writeFileSync(path, setOf(first));
  const { verify, accepts } = await open(t, path);
  await verify(await first.sign());
  await assert.rejects(verify(await second.sign()), unauthorized);
  writeFileSync(`${path}.new`, setOf(first, second));
  renameSync(`${path}.new`, path);
  assert.ok((await accepts(second)) && (await accepts(first)));
});

test('a key that was removed from the file is refused after the next check of the file', async (t) => {
  const path = join(tempDir(t), 'keys.json');
  writeFileSync(path, setOf(first, second));
  const { clock, accepts } = await open(t, path);
  assert.ok(await accepts(first));
  writeFileSync(path, setOf(second));
  await poll('the next check of the file', async () => {
    clock.advance(5_000);
    return !(await accepts(first));
  });
  assert.ok(await accepts(second));
});

test('a mounted ConfigMap is read again when it is replaced', async (t) => {
  const mount = tempDir(t);
  const publish = (version: string, text: string) => {
    mkdirSync(join(mount, version));
    writeFileSync(join(mount, version, 'keys.json'), text);
    symlinkSync(version, join(mount, '..data_tmp'));
    renameSync(join(mount, '..data_tmp'), join(mount, '..data'));
  };
  publish('..1', setOf(first));
  symlinkSync(join('..data', 'keys.json'), join(mount, 'keys.json'));
  const { keys, accepts } = await open(t, join(mount, 'keys.json'));
  publish('..2', setOf(second));
  rmSync(join(mount, '..1'), { recursive: true });
  await keys.reload();
  assert.ok((await accepts(second)) && !(await accepts(first)));
});

const bad: Record<string, (path: string) => void> = {
  'is empty': (path) => writeFileSync(path, ''),
  'is half-written': (path) => writeFileSync(path, setOf(second).slice(0, 40)),
  'is not a key set': (path) => writeFileSync(path, '{"hidden":1}'),
  'has no usable key': (path) => writeFileSync(path, '{"keys":[{"kty":"oct","k":"hidden"}]}'),
  'has no keys': (path) => writeFileSync(path, '{"keys":[]}'),
  'is far too large': (path) => writeFileSync(path, `${setOf(second)}${' '.repeat(2 ** 20)}`),
  'is gone': (path) => unlinkSync(path),
  'has become a directory': (path) => {
    unlinkSync(path);
    mkdirSync(path);
  },
};
for (const [what, spoil] of Object.entries(bad)) {
  test(`a file that ${what} leaves the last good keys in use, with a log line, until a good file replaces them`, async (t) => {
    const path = join(tempDir(t), 'keys.json');
    writeFileSync(path, setOf(first));
    const { keys, lines, accepts, loads } = await open(t, path);
    spoil(path);
    for (let look = 0; look < 3; look++) await keys.reload();
    assert.ok(await accepts(first));
    assert.equal(await loads('failed'), 1);
    assert.equal(lines.filter((line) => line.includes('cannot be used') && line.includes(path)).length, 1);
    assert.doesNotMatch(lines.join(''), /hidden/);
    rmSync(path, { recursive: true, force: true });
    writeFileSync(path, setOf(second));
    assert.ok((await accepts(second)) && !(await accepts(first)));
    assert.equal(await loads('ok'), 1);
  });
}
