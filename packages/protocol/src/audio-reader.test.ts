import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { AudioReader } from './audio-reader.ts';
import { AudioSchema } from './gen/hayate/v1/payload_pb.ts';
import { opusPacketSamples } from './opus-packet.ts';
import { readStrictly } from './strict-message.ts';
import { WireError } from './wire-error.ts';

/** The reader's result for a payload; undefined if it refuses the payload. */
function read(reader: AudioReader, payload: Uint8Array): unknown {
  try {
    const { packetCount, packets, samples, level } = reader.read(payload);
    return { packets: packets.slice(0, packetCount).map((packet) => Buffer.from(packet).toString('hex')), samples, level };
  } catch {
    return undefined;
  }
}

/** The strict reader's result for the same payload. */
function decoded(payload: Uint8Array): unknown {
  try {
    const { packets, level } = readStrictly(AudioSchema, payload);
    const samples = packets.reduce((sum, packet) => sum + opusPacketSamples(packet), 0);
    return samples === 0 ? undefined : { packets: packets.map((packet) => Buffer.from(packet).toString('hex')), samples, level };
  } catch {
    return undefined;
  }
}

const packet = fc.oneof(
  fc.tuple(fc.nat(63), fc.uint8Array({ maxLength: 300 })).map(([toc, data]) => Uint8Array.of(toc << 2, ...data)),
  fc.uint8Array({ maxLength: 200 }),
);
const payload = fc
  .record({ packets: fc.array(packet, { maxLength: 4 }), level: fc.option(fc.oneof(fc.nat(127), fc.nat(70_000)), { nil: undefined }) })
  .map(({ packets, level }) => toBinary(AudioSchema, create(AudioSchema, { packets, ...(level === undefined ? {} : { level }) })));

test('a payload is read as the strict reader reads it, also if it is changed, cut short, doubled or random', () => {
  const reader = new AudioReader();
  let plain = 0;
  fc.assert(
    fc.property(payload, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.uint8Array({ maxLength: 40 }), (bytes, at, change, random) => {
      if (decoded(bytes) !== undefined) plain++;
      const changed = Buffer.from(bytes);
      const index = at % Math.max(1, bytes.length);
      changed[index] = (changed[index] ?? 0) ^ change;
      for (const input of [bytes, bytes.subarray(0, index), changed, Buffer.concat([bytes, bytes]), Buffer.concat([bytes, random]), random])
        assert.deepEqual(read(reader, input), decoded(input));
    }),
    { numRuns: 2_000 },
  );
  assert.ok(plain > 200, `${plain} payloads that both read`);
});

test('a payload that Protobuf codecs read differently is refused', () => {
  const reader = new AudioReader();
  const vectors = new URL('../../../spec/vectors/', import.meta.url);
  const names = readdirSync(vectors).filter((name) => name.startsWith('audio-bad-'));
  assert.ok(names.length >= 4);
  for (const name of names) assert.equal(read(reader, readFileSync(new URL(name, vectors))), undefined, name);
});

const encoded = (packets: readonly Uint8Array[], level?: number): Uint8Array =>
  toBinary(AudioSchema, create(AudioSchema, { packets: [...packets], ...(level === undefined ? {} : { level }) }));

test('the packets are views of the payload, and nothing of an earlier payload is left', () => {
  const reader = new AudioReader();
  const [first, second, third] = [Uint8Array.of(0xf8, 1), Uint8Array.of(0xf8, 2), Uint8Array.of(0x08, 3)];
  const long = encoded([first, second, third], 30);
  assert.deepEqual(read(reader, long), { packets: ['f801', 'f802', '0803'], samples: 960 + 960 + 960, level: 30 });
  assert.equal(reader.read(long).packets[0]?.buffer, long.buffer);
  assert.deepEqual(read(reader, encoded([third])), { packets: ['0803'], samples: 960, level: undefined });
});

test('a payload that no decoder can play is refused with a WireError', () => {
  const reader = new AudioReader();
  for (const [what, payload] of [
    ['no packets', encoded([])],
    ['a level alone', encoded([], 3)],
    ['an empty packet', encoded([new Uint8Array()])],
    ['an empty packet after a good one', encoded([Uint8Array.of(0xf8), new Uint8Array()])],
    ['a packet that lasts no time', encoded([Uint8Array.of(0xfb, 0)])],
    ['another message', Uint8Array.of(0x0a)],
  ] as const)
    assert.throws(() => reader.read(payload), WireError, what);
});

test('an overlong payload is not kept in memory once another has been read', () => {
  const reader = new AudioReader();
  reader.read(encoded(Array.from({ length: 5_000 }, () => Uint8Array.of(0xf8))));
  const { packets, packetCount } = reader.read(encoded([Uint8Array.of(0xf8)]));
  assert.equal(packetCount, 1);
  assert.ok(packets.length <= 64, `${packets.length} views are left`);
});
