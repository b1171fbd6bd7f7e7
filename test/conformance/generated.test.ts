// The committed Protobuf code matches the .proto files, and these obey buf's rules.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const run = (args: string[], cwd: string) => spawnSync(process.execPath, args, { cwd, encoding: 'utf8' });

test('packages/protocol/src/gen equals the output of npm run generate', () => {
  const result = run([join(root, 'scripts', 'generate.mjs'), '--check'], root);
  assert.equal(result.status, 0, result.stderr);
});

test('the .proto files pass buf lint', () => {
  const result = run([join(root, 'node_modules', '@bufbuild', 'buf', 'bin', 'buf'), 'lint'], join(root, 'packages', 'protocol'));
  assert.equal(result.status, 0, result.stdout + result.stderr);
});

test('generate refuses an argument it does not know', () => {
  assert.equal(run([join(root, 'scripts', 'generate.mjs'), '--chek'], root).status, 2);
});
