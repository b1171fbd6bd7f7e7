// spec/vectors: the committed files are those that the script writes, and our readers get from the
// bytes what index.json says.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type DescMessage, fromBinary, fromJson, type JsonObject, type JsonValue, toBinary, toJson } from '@bufbuild/protobuf';
import * as protocol from '@hayate/protocol';
import * as serverProtocol from '@hayate/protocol/server';
import { createDecoder, getPacketInfo, OpusError, OpusErrorCode } from 'libopus-wasm';
import { EPOCH } from '../../packages/protocol/scripts/vector/frame.ts';
import type { OpusVector } from '../../packages/protocol/scripts/vector/opus.ts';
import type { RotationVector } from '../../packages/protocol/scripts/vector/rotation.ts';
import type { MotionValue } from '../../packages/protocol/scripts/vector/vector.ts';
import { VECTORS, type VectorEntry, vectorFiles, writtenFiles } from '../../packages/protocol/scripts/vectors.ts';
import { packetSamples } from '../../packages/server/src/archive/verify/opus-duration.ts';
import { checkFrame } from '../../packages/server/src/broadcast/frame-check.ts';

const { vectors }: { vectors: VectorEntry[] } = JSON.parse(readFileSync(join(VECTORS, 'index.json'), 'utf8'));
const bytesOf = (entry: VectorEntry) => new Uint8Array(readFileSync(join(VECTORS, entry.file)));

const schemas = new Map<string, DescMessage>();
for (const value of [...Object.values(protocol), ...Object.values(serverProtocol)])
  if (typeof value === 'object' && 'kind' in value && value.kind === 'message') schemas.set(value.name, value);
function schemaOf(name: string): DescMessage {
  const schema = schemas.get(name);
  assert.ok(schema, `there is no message ${name}`);
  return schema;
}
const json = (schema: DescMessage, bytes: Uint8Array): JsonValue => toJson(schema, fromBinary(schema, bytes), { alwaysEmitImplicit: true });

test('writing the vectors gives the same files as those in spec/vectors', () => {
  const files = vectorFiles();
  assert.deepEqual(writtenFiles().sort(), [...files.keys()].sort());
  for (const [name, bytes] of files)
    assert.ok(readFileSync(join(VECTORS, name)).equals(bytes), `${name} differs; run: node packages/protocol/scripts/vectors.ts`);
});

test('every message type of the contract that is sent on its own has a vector, and so has every kind of failure', () => {
  const types = new Set(vectors.map((entry) => entry.message));
  for (const name of [
    'Frame',
    'Motion',
    'ClientMessage',
    'ServerMessage',
    'Envelope',
    'RepairRequest',
    'Control',
    'Announcement',
    'Record',
  ])
    assert.ok(types.has(name), name);
  for (const name of ['ClientMessage', 'ServerMessage']) {
    const met = new Set(
      vectors
        .filter((entry) => entry.message === name && entry.failure === undefined)
        .flatMap((entry) => Object.entries(entry.value as JsonObject).flatMap(([key, value]) => (isEmpty(value) ? [] : [key]))),
    );
    for (const field of schemaOf(name).fields) assert.ok(met.has(field.jsonName), `${name}.${field.jsonName} is in no vector`);
  }
});
const isEmpty = (value: JsonValue) => value === '' || (Array.isArray(value) && value.length === 0);

/** The limits and identity that a server expects of the vectors' frames. */
const border = { stream: 'studio-7', epoch: EPOCH, frameBytesMax: 65_536, sequenceEnd: Number.MAX_SAFE_INTEGER };

for (const entry of vectors.filter((each) => each.failure !== undefined))
  test(`${entry.file} (${entry.about}) is refused`, () => {
    const bytes = bytesOf(entry);
    assert.ok(entry.failure !== undefined && entry.failure in protocol.CloseCodes);
    assert.throws(() => readRefused(entry.message, bytes), protocol.WireError);
  });

for (const entry of vectors.filter(({ payload }) => payload?.message === 'StreamHeader'))
  test(`${entry.file} (${entry.about}) is accepted by a server`, () => {
    assert.ok(checkFrame(bytesOf(entry), border).streamHeader !== undefined);
  });

test('every field of a frame has a vector in which only its first occurrence is wrong', () => {
  const fields = ['stream', 'epoch', 'sequence', 'capture', 'kind', 'flags', 'participant', 'position', 'key-sequence', 'payload'];
  for (const field of fields) {
    const entry = vectors.find(({ name }) => name === `frame-bad-earlier-${field}`);
    assert.ok(entry, field);
    if (field === 'payload') continue;
    // The frame that a codec makes from the last occurrences is one that servers accept.
    const { $typeName: _, $unknown: __, ...frame } = fromBinary(protocol.FrameSchema, bytesOf(entry));
    const last = { ...frame, sequence: Number(frame.sequence), captureUs: Number(frame.captureUs), position: Number(frame.position) };
    protocol.peekFrame(protocol.encodeFrame({ ...last, keySequence: Number(frame.keySequence) }));
  }
});

const { packets }: { packets: OpusVector[] } = JSON.parse(readFileSync(join(VECTORS, 'opus.json'), 'utf8'));

test('the vectors have Opus packets of every code and every duration, and at least one that breaks each of the rules R1 to R7', () => {
  const good = packets.filter(({ samples }) => samples !== undefined);
  for (const samples of [120, 240, 480, 960, 1_920, 2_880, 5_760]) assert.ok(good.some((packet) => packet.samples === samples));
  for (const code of [0, 1, 2, 3]) assert.ok(good.some(({ hex }) => (Number.parseInt(hex.slice(0, 2), 16) & 3) === code));
  const broken = new Set(packets.flatMap(({ breaks }) => breaks ?? []));
  assert.deepEqual([...broken].sort(), ['R1', 'R2', 'R3', 'R4', 'R5', 'R6', 'R7']);
});

for (const { name, about, hex, samples, breaks } of packets)
  test(`Opus packet ${name} (${about}) ${samples === undefined ? `breaks ${breaks}` : `lasts ${samples} samples`}, also for libopus`, async () => {
    const packet = new Uint8Array(Buffer.from(hex, 'hex'));
    const own = () => protocol.opusPacketSamples(packet);
    if (samples === undefined) assert.throws(own, protocol.WireError);
    else assert.equal(own(), samples);
    assert.equal(packetSamples(packet), samples);
    // An empty packet asks libopus for concealment; it is not parsed.
    if (packet.length > 0) assert.equal(await libopusSamples(packet), samples);
  });

/** The duration of a packet according to libopus; undefined if its parser refuses the framing. */
async function libopusSamples(packet: Uint8Array): Promise<number | undefined> {
  const decoder = await createDecoder({ sampleRate: 48_000, channels: 2 });
  try {
    decoder.decode(packet);
  } catch (error) {
    assert.ok(error instanceof OpusError);
    if (error.code === OpusErrorCode.InvalidPacket) return undefined;
  } finally {
    decoder.free();
  }
  return (await getPacketInfo(packet, { sampleRate: 48_000 })).samples;
}

const { rotations }: { rotations: RotationVector[] } = JSON.parse(readFileSync(join(VECTORS, 'rotations.json'), 'utf8'));

for (const { name, about, rotation, quantised, decoded, requantised } of rotations)
  test(`rotation ${name} (${about}) keeps its bytes only through a relay that does not quantise again`, () => {
    const pose = protocol.createPose();
    pose.rotations.set(rotation);
    const first = protocol.quantisePose(pose);
    assert.equal(Buffer.from(first.rotations.subarray(0, 6)).toString('hex'), quantised);
    const passed = protocol.decodeMotion(protocol.encodeMotionKey(first));
    assert.equal(Buffer.from(passed.quantised.rotations.subarray(0, 6)).toString('hex'), quantised);
    assert.deepEqual([...passed.pose.rotations.subarray(0, 4)], decoded);
    assert.equal(Buffer.from(protocol.quantisePose(passed.pose).rotations.subarray(0, 6)).toString('hex'), requantised);
    assert.notEqual(requantised, quantised);
  });

function readRefused(message: string, bytes: Uint8Array): unknown {
  if (message === 'Frame') return checkFrame(bytes, border);
  if (message === 'Motion') return protocol.decodeMotion(bytes);
  return protocol.readStrictly(schemaOf(message), bytes);
}

for (const entry of vectors.filter((each) => each.failure === undefined))
  test(`${entry.file} (${entry.about}) reads as index.json says`, () => {
    const bytes = bytesOf(entry);
    assert.deepEqual(json(schemaOf(entry.message), bytes), entry.value);
    if (entry.message === 'Frame') compareFrame(entry, bytes);
    if (entry.motion !== undefined) compareMotion(entry.motion, bytes);
  });

/** Compares the hand-written peek and encoder with the canonical JSON. */
function compareFrame(entry: VectorEntry, bytes: Uint8Array): void {
  const { payloadOffset, payloadLength, ...header } = protocol.peekFrame(bytes);
  const payload = bytes.subarray(payloadOffset, payloadOffset + payloadLength);
  assert.deepEqual(frameJson(header, payload), entry.value);
  const canonical = protocol.encodeFrame({ ...header, payload });
  assert.deepEqual(canonical, toBinary(protocol.FrameSchema, fromJson(protocol.FrameSchema, entry.value ?? null)));
  if (entry.payload !== undefined) assert.deepEqual(json(schemaOf(entry.payload.message), payload), entry.payload.value);
}

function frameJson(header: Omit<protocol.FrameHeader, 'payloadOffset' | 'payloadLength'>, payload: Uint8Array): JsonValue {
  const names: Record<number, string> = Object.fromEntries(protocol.KindSchema.values.map((value) => [value.number, value.name]));
  return {
    stream: header.stream,
    epoch: String(header.epoch),
    sequence: String(header.sequence),
    captureUs: String(header.captureUs),
    kind: names[header.kind] ?? header.kind,
    flags: header.flags,
    participant: header.participant,
    position: String(header.position),
    keySequence: String(header.keySequence),
    payload: Buffer.from(payload).toString('base64'),
  };
}

function compareMotion(motion: MotionValue, bytes: Uint8Array): void {
  const keyEntry = vectors.find((entry) => entry.name === motion.key);
  assert.equal(keyEntry === undefined, motion.key === undefined);
  const key = keyEntry === undefined ? undefined : protocol.decodeMotion(bytesOf(keyEntry)).quantised;
  const { quantised, pose } = protocol.decodeMotion(bytes, key);
  assert.deepEqual([...quantised.hips], motion.quantised.hips);
  assert.equal(Buffer.from(quantised.rotations).toString('hex'), motion.quantised.rotations.join(''));
  assert.deepEqual([...quantised.shapes], motion.quantised.shapes);
  assert.deepEqual([...pose.hips], motion.pose.hips);
  assert.deepEqual([...pose.rotations], motion.pose.rotations.flat());
  assert.deepEqual([...pose.shapes], motion.pose.shapes);
}
