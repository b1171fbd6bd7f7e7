// If our strict readers accept a message, Google's Python and Go codecs give it the same meaning.
// Messages are made valid first and then damaged: bytes changed, fields inserted with any wire
// type, parts repeated. A message that we refuse may be read in any way; a message that we accept
// must have one meaning. Neither codec shares code with ours.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type DescMessage, fromBinary, type JsonObject, type JsonValue, toJson } from '@bufbuild/protobuf';
import {
  AudioSchema,
  ClientMessageSchema,
  FrameSchema,
  KindSchema,
  peekFrame,
  readStrictly,
  StreamHeaderSchema,
  WireError,
} from '@hayate/protocol';
import fc from 'fast-check';
import { DecodeError, decodeAudio, decodeFrame, decodeHeader } from '../../packages/server/src/archive/verify/frame-decoder.ts';
import { requireGoProgram } from '../support/go-program.ts';
import { root } from '../support/process.ts';
import { requirePython, requireTool } from '../support/require-tool.ts';
import { tempDir } from '../support/temp-dir.ts';

const MESSAGES = 20_000;

/** Every message that a server reads, and its reader. */
const readers: readonly { schema: DescMessage; read: (bytes: Uint8Array) => unknown }[] = [
  { schema: FrameSchema, read: peekFrame },
  ...[StreamHeaderSchema, AudioSchema, ClientMessageSchema].map((schema) => ({
    schema,
    read: (bytes: Uint8Array) => readStrictly<DescMessage>(schema, bytes),
  })),
];

const vectors = join(root, 'spec/vectors');
const vectorsWhere = (matches: (name: string) => boolean): Uint8Array[] =>
  readdirSync(vectors)
    .filter((name) => name.endsWith('.bin') && !name.includes('-bad-') && !name.includes('largest') && matches(name))
    .map((name) => readFileSync(join(vectors, name)));
const frames = vectorsWhere((name) => name.startsWith('frame-'));
const payloadsOf = (kind: number): Uint8Array[] =>
  frames.map((frame) => fromBinary(FrameSchema, frame)).flatMap((frame) => (frame.kind === kind ? [frame.payload] : []));
const seeds: ReadonlyMap<DescMessage, readonly Uint8Array[]> = new Map<DescMessage, Uint8Array[]>([
  [FrameSchema, frames],
  [StreamHeaderSchema, payloadsOf(1)],
  [AudioSchema, payloadsOf(2)],
  [ClientMessageSchema, vectorsWhere((name) => name.startsWith('client-'))],
]);

/**
 * A field as a careless or hostile writer makes it: any number, any wire type, varints of any
 * length.
 */
const varint = fc
  .tuple(fc.oneof(fc.bigInt({ min: 0n, max: 300n }), fc.bigInt({ min: 0n, max: 2n ** 70n })), fc.nat(3))
  .map(([value, padding]) => {
    const bytes: number[] = [];
    for (let rest = value; bytes.length === 0 || rest > 0n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(...Array<number>(padding).fill(0x80));
    return [...bytes.slice(0, -1), (bytes.at(-1) ?? 0) & 0x7f];
  });
const shortBytes = fc.array(fc.nat(255), { maxLength: 6 });
const field = fc.tuple(fc.integer({ min: 1, max: 20 }), fc.nat(7), varint, shortBytes).map(([number, wireType, value, bytes]) => {
  const tag = number < 16 ? [number * 8 + wireType] : [((number * 8 + wireType) & 0x7f) | 0x80, (number * 8 + wireType) >> 7];
  if (wireType === 0) return [...tag, ...value];
  if (wireType === 1) return [...tag, ...Array.from({ length: 8 }, (_, i) => bytes[i] ?? 0)];
  if (wireType === 5) return [...tag, ...Array.from({ length: 4 }, (_, i) => bytes[i] ?? 0)];
  return [...tag, bytes.length, ...bytes];
});
const change = fc.oneof(
  fc.record({ how: fc.constant('set' as const), at: fc.nat(), bytes: fc.array(fc.nat(255), { minLength: 1, maxLength: 1 }) }),
  fc.record({ how: fc.constant('insert' as const), at: fc.nat(), bytes: fc.oneof(field, shortBytes) }),
  fc.record({ how: fc.constant('append' as const), at: fc.nat(), bytes: field }),
  fc.record({ how: fc.constant('prepend' as const), at: fc.nat(), bytes: field }),
  fc.record({ how: fc.constant('remove' as const), at: fc.nat(), bytes: fc.constant<number[]>([]) }),
  fc.record({ how: fc.constant('repeat' as const), at: fc.nat(), bytes: fc.constant<number[]>([]) }),
);

function changed(seed: Uint8Array, changes: readonly { how: string; at: number; bytes: readonly number[] }[]): Uint8Array {
  const list = [...seed];
  for (const { how, at, bytes } of changes) {
    if (how === 'append') list.push(...bytes);
    else if (how === 'prepend') list.unshift(...bytes);
    else if (how === 'repeat') list.push(...list.slice(0, 200));
    else list.splice(at % (list.length + 1), how === 'insert' ? 0 : 1, ...bytes);
  }
  return Uint8Array.from(list);
}

const damaged = fc.tuple(fc.constantFrom(...readers), fc.nat(), fc.array(change, { maxLength: 3 })).map(([reader, index, changes]) => {
  const choices = seeds.get(reader.schema) ?? [];
  return { ...reader, bytes: changed(choices[index % choices.length] ?? new Uint8Array(), changes) };
});

interface Case {
  readonly schema: DescMessage;
  readonly bytes: Uint8Array;
}

/** Messages that our readers accept; any error but WireError fails the test. */
function acceptedMessages(seed: number): Case[] {
  return fc.sample(damaged, { numRuns: MESSAGES, seed }).filter(({ read, bytes }) => {
    try {
      read(bytes);
      return true;
    } catch (error) {
      assert.ok(error instanceof WireError, `${error} for ${Buffer.from(bytes).toString('hex')}`);
      return false;
    }
  });
}

/** The output of a foreign codec: one line for each message. */
function foreignReadings(program: string, args: readonly string[], cases: readonly Case[]): string[] {
  const input = cases.map(({ schema, bytes }) => `${schema.typeName} ${Buffer.from(bytes).toString('hex')}\n`).join('');
  const { status, stdout, stderr } = spawnSync(program, args, { input, encoding: 'utf8', maxBuffer: 2 ** 30 });
  assert.equal(status, 0, stderr);
  return stdout.trimEnd().split('\n');
}

/** Compiles the .proto files; returns the path of the descriptors. */
function descriptorsOf(t: TestContext, protoc: string): string {
  const proto = join(root, 'packages/protocol/proto');
  const descriptors = join(tempDir(t), 'descriptors.bin');
  const sources = readdirSync(join(proto, 'hayate/v1')).map((name) => `hayate/v1/${name}`);
  const compiled = spawnSync(protoc, [`--proto_path=${proto}`, `--descriptor_set_out=${descriptors}`, ...sources], { encoding: 'utf8' });
  assert.equal(compiled.status, 0, compiled.stderr);
  return descriptors;
}

test('a message that servers accept means the same to Python and Go', async (t) => {
  const protoc = requireTool(t, 'protoc');
  const python = protoc && requirePython(t, 'google.protobuf');
  const go = python && (await requireGoProgram(t, 'read-protobuf'));
  if (protoc === undefined || python === undefined || go === undefined) return;
  const seed = Date.now() % 2 ** 31;
  t.diagnostic(`seed ${seed}: ${MESSAGES.toLocaleString('en')} hostile inputs`);
  const cases = acceptedMessages(seed);
  for (const { schema } of readers) {
    const accepted = cases.filter((one) => one.schema === schema).length;
    assert.ok(accepted > MESSAGES / 50, `only ${accepted} accepted ${schema.name} messages`);
  }
  const descriptors = descriptorsOf(t, protoc);
  const readings = {
    Python: foreignReadings(python, [join(root, 'test/conformance/read-protobuf.py'), descriptors], cases),
    Go: foreignReadings(go, [descriptors], cases),
  };
  for (const [index, { schema, bytes }] of cases.entries()) {
    const ours = toJson(schema, fromBinary(schema, bytes, { readUnknownFields: false }));
    for (const [codec, lines] of Object.entries(readings)) {
      const line = lines[index] ?? 'nothing';
      const what = `${codec} reads ${schema.name} ${Buffer.from(bytes).toString('hex')} as ${line}`;
      assert.notEqual(line, 'refused', what);
      assert.deepEqual(JSON.parse(line), ours, what);
    }
  }
});

/**
 * The reading of a message by the archive's verifier, in Protobuf's JSON. Undefined if it refuses
 * the bytes or does not read such messages.
 */
function verifierReading({ schema, bytes }: Case): JsonObject | undefined {
  try {
    if (schema === FrameSchema) {
      const frame = decodeFrame(bytes);
      const payload = bytes.subarray(frame.payloadOffset, frame.payloadOffset + frame.payloadLength);
      const { stream, flags, participant } = frame;
      const numbers = { epoch: frame.epoch, sequence: frame.sequence, captureUs: frame.captureUs, position: frame.position };
      const texts = Object.fromEntries(
        Object.entries({ ...numbers, keySequence: frame.keySequence }).map(([name, value]) => [name, `${value}`]),
      );
      const kind = KindSchema.values.find(({ number }) => number === frame.kind)?.name ?? frame.kind;
      return { stream, ...texts, kind, flags, participant, payload: Buffer.from(payload).toString('base64') };
    }
    if (schema === StreamHeaderSchema) {
      const { title, originErrorUs, originUnixUs, ...audio } = decodeHeader(bytes);
      return { title, originErrorUs, originUnixUs: `${originUnixUs}`, audio };
    }
    if (schema !== AudioSchema) return undefined;
    const { packets, level } = decodeAudio(bytes);
    return { packets: packets.map((packet) => Buffer.from(packet).toString('base64')), ...(level === undefined ? {} : { level }) };
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

/** The same fields of a foreign codec's JSON, which omits empty fields and zeros. */
function sameFields(wanted: JsonObject, found: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(wanted).map(([name, value]): [string, JsonValue] => {
      const other = found[name];
      if (typeof value === 'object' && value !== null && !Array.isArray(value))
        return [name, sameFields(value, (other ?? {}) as JsonObject)];
      return [
        name,
        other ?? (Array.isArray(value) ? [] : typeof value === 'number' ? 0 : name === 'title' || name === 'payload' ? '' : '0'),
      ];
    }),
  );
}

test("the archive's verifier and Python's codec read the same from a message", (t) => {
  const protoc = requireTool(t, 'protoc');
  const python = protoc && requirePython(t, 'google.protobuf');
  if (protoc === undefined || python === undefined) return;
  const seed = Date.now() % 2 ** 31;
  t.diagnostic(`seed ${seed}`);
  const read = fc.sample(damaged, { numRuns: MESSAGES, seed }).flatMap((one) => {
    const reading = verifierReading(one);
    return reading === undefined ? [] : [{ ...one, reading }];
  });
  for (const schema of [FrameSchema, StreamHeaderSchema, AudioSchema])
    assert.ok(read.filter((one) => one.schema === schema).length > MESSAGES / 100, `few ${schema.name} messages`);
  const lines = foreignReadings(python, [join(root, 'test/conformance/read-protobuf.py'), descriptorsOf(t, protoc)], read);
  for (const [index, { schema, bytes, reading }] of read.entries()) {
    const line = lines[index] ?? 'nothing';
    const what = `${schema.name} ${Buffer.from(bytes).toString('hex')}: Python says ${line}`;
    assert.notEqual(line, 'refused', what);
    assert.deepEqual(sameFields(reading, JSON.parse(line)), reading, what);
    if (schema === AudioSchema) assert.equal('level' in JSON.parse(line), 'level' in reading, what);
  }
});
