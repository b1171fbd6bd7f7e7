// Protobuf's own generators make code from our .proto files whose names fit each language: the
// namespaces that a Unity, Android, Ruby or PHP team imports. The generators for Swift and Go are
// not part of protoc; their options are read from the compiled descriptors.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { root } from '../support/process.ts';
import { requireTool } from '../support/require-tool.ts';
import { tempDir } from '../support/temp-dir.ts';

const proto = join(root, 'packages/protocol/proto');
const sources = readdirSync(join(proto, 'hayate/v1')).map((name) => `hayate/v1/${name}`);

function runProtoc(protoc: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(protoc, [`--proto_path=${proto}`, ...args, ...sources], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}

const languages = [
  { out: 'csharp_out', file: 'Message.cs', declares: /namespace Hayate\.V1 \{/ },
  { out: 'java_out', file: 'hayate/v1/ClientMessage.java', declares: /^package hayate\.v1;/m },
  { out: 'objc_out', file: 'hayate/v1/Message.pbobjc.h', declares: /@interface HYTClientMessage / },
  { out: 'php_out', file: 'Hayate/V1/ClientMessage.php', declares: /^namespace Hayate\\V1;/m },
  { out: 'ruby_out', file: 'hayate/v1/message_pb.rb', declares: /module Hayate\s+module V1\s/ },
] as const;

for (const { out, file, declares } of languages)
  test(`protoc --${out} gives ${file}, in the namespace of that language`, (t) => {
    const protoc = requireTool(t, 'protoc');
    if (protoc === undefined) return;
    const folder = join(tempDir(t), out);
    mkdirSync(folder);
    runProtoc(protoc, `--${out}=${folder}`);
    assert.match(readFileSync(join(folder, file), 'utf8'), declares);
  });

test('every file has a package for Go and a prefix for Swift', (t) => {
  const protoc = requireTool(t, 'protoc');
  if (protoc === undefined) return;
  const descriptors = join(tempDir(t), 'descriptors.bin');
  runProtoc(protoc, `--descriptor_set_out=${descriptors}`);
  const { file } = fromBinary(FileDescriptorSetSchema, readFileSync(descriptors));
  assert.equal(file.length, sources.length);
  for (const { name, options } of file)
    assert.deepEqual([options?.goPackage, options?.swiftPrefix], ['hayate/v1;hayatev1', 'Hayate'], name);
});
