// An oracle that shares no code with ours. Google's Python Protobuf reads the vectors from our
// .proto files alone, as index.json says. wire-python.py, which was written from spec/wire.md,
// dequantises the motion vectors to the same poses.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { requirePython, requireTool } from '../support/require-tool.ts';
import { tempDir } from '../support/temp-dir.ts';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');

test('Python reads every valid vector as index.json says, refuses the others, and agrees on Opus packets and rotations', (t) => {
  const protoc = requireTool(t, 'protoc');
  if (protoc === undefined) return;
  const python = requirePython(t, 'google.protobuf');
  if (python === undefined) return;
  const generated = tempDir(t);

  const proto = join(root, 'packages', 'protocol', 'proto');
  const sources = readdirSync(join(proto, 'hayate', 'v1')).map((name) => `hayate/v1/${name}`);
  const compiled = spawnSync(protoc, [`--proto_path=${proto}`, `--python_out=${generated}`, ...sources], { encoding: 'utf8' });
  assert.equal(compiled.status, 0, compiled.stderr);

  const vectors = join(root, 'spec', 'vectors');
  const result = spawnSync(python, [join(here, 'wire-python.py'), vectors], {
    encoding: 'utf8',
    env: { ...process.env, PYTHONPATH: generated, PYTHONDONTWRITEBYTECODE: '1' },
  });
  assert.equal(result.status, 0, result.stderr);
  const { checked, refused, motions, opus, rotations } = JSON.parse(result.stdout);
  const files = readdirSync(vectors).filter((name) => name.endsWith('.bin'));
  assert.equal(checked, files.filter((name) => !name.includes('-bad-')).length);
  assert.equal(refused, files.filter((name) => name.includes('-bad-')).length);
  assert.ok(motions >= 7 && opus >= 60 && rotations >= 5, result.stdout);
});
