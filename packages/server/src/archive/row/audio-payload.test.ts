import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { AudioSchema, opusPacketSamples, readStrictly } from '@hayate/protocol';
import fc from 'fast-check';
import { AudioReader } from './audio-payload.ts';

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
  const vectors = new URL('../../../../../spec/vectors/', import.meta.url);
  const names = readdirSync(vectors).filter((name) => name.startsWith('audio-bad-'));
  assert.ok(names.length >= 4);
  for (const name of names) assert.equal(read(reader, readFileSync(new URL(name, vectors))), undefined, name);
});
