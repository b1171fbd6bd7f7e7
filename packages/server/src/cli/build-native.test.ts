import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { requireTool } from '../../../../test/support/require-tool.ts';
import { tempDir } from '../../../../test/support/temp-dir.ts';
import { createContext } from '../kernel/context.ts';
import { loadNative, nativeName } from '../listener/fan-out-native.ts';
import { openSender } from '../listener/fan-out-sender.ts';
import { buildNative } from './build-native.ts';

const { logger } = createContext({ logLevel: 'silent' });

test('the module alone is built in the given folder, and serve finds it there', async (t) => {
  const cc = requireTool(t, 'cc');
  if (cc === undefined) return;
  const output = tempDir(t);
  assert.equal(await buildNative({ cc, output }), join(output, nativeName));
  assert.deepEqual(readdirSync(output), [nativeName]);
  assert.equal(openSender('auto', logger, output).path, 'native');
  assert.equal(openSender('native', logger, output).path, 'native');
  assert.equal(openSender('typescript', logger, output).path, 'typescript');
});

test('without a usable module "auto" takes TypeScript and "native" refuses', (t) => {
  const output = tempDir(t);
  for (const content of [undefined, 'not a module']) {
    if (content !== undefined) writeFileSync(join(output, nativeName), content);
    assert.equal(openSender('auto', logger, output).path, 'typescript');
    assert.throws(() => openSender('native', logger, output), { code: 'CONFIGURATION', message: /hayate build-native/ });
  }
});

test('a missing compiler, one that fails and a path that is not a folder give one line each and leave no files', async (t) => {
  const output = tempDir(t);
  await assert.rejects(buildNative({ cc: 'no-such-compiler', output }), {
    code: 'CONFIGURATION',
    message: /no C compiler no-such-compiler/,
  });
  await assert.rejects(buildNative({ cc: 'false', output }), { code: 'CONFIGURATION', message: /^false failed/ });
  assert.deepEqual(readdirSync(output), []);
  writeFileSync(join(output, 'file'), '');
  await assert.rejects(buildNative({ cc: 'cc', output: join(output, 'file') }), { code: 'CONFIGURATION', message: /cannot be written/ });
});

test('the module refuses arguments of other kinds instead of reading past them', async (t) => {
  const cc = requireTool(t, 'cc');
  if (cc === undefined) return;
  const output = tempDir(t);
  await buildNative({ cc, output });
  const { send } = loadNative(output);
  const call = (...args: unknown[]) => Reflect.apply(send, undefined, args);
  const message = Uint8Array.of(1);
  const four = () => new Int32Array(4);
  assert.throws(() => call(message, four(), 5, four()), { name: 'TypeError', message: /count is larger/ });
  assert.throws(() => call(message, four(), 4, new Int32Array(3)), { name: 'TypeError' });
  assert.throws(() => call('text', four(), 1, four()), { name: 'TypeError' });
  assert.throws(() => call(message, new Float64Array(4), 1, four()), { name: 'TypeError' });
  assert.throws(() => call(message, four(), 'one', four()), { name: 'TypeError' });
  assert.throws(() => call(message), { name: 'TypeError' });
  const results = four();
  call(message, Int32Array.of(-1, -1, 0, 0), 2, results);
  assert.ok((results[0] ?? 0) < 0 && (results[1] ?? 0) < 0 && results[2] === 0, 'an invalid descriptor has its own error');
});
