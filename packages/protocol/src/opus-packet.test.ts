// Compares opusPacketSamples with libopus: the same duration for every TOC, and the same refused
// packets.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { createDecoder, getPacketInfo, type OpusDecoderHandle, OpusError, OpusErrorCode } from 'libopus-wasm';
import { opusPacketSamples } from './opus-packet.ts';
import { WireError } from './wire-error.ts';

let decoder: OpusDecoderHandle;
before(async () => {
  decoder = await createDecoder({ sampleRate: 48_000, channels: 2 });
});
after(() => decoder.free());

function samplesOrRefuse(packet: Uint8Array): number | undefined {
  try {
    return opusPacketSamples(packet);
  } catch (error) {
    assert.ok(error instanceof WireError, `threw ${error}`);
    return undefined;
  }
}

/** Whether libopus's own parser accepts the packet's framing. */
function libopusTakes(packet: Uint8Array): boolean {
  try {
    decoder.decode(packet);
    return true;
  } catch (error) {
    assert.ok(error instanceof OpusError);
    return error.code !== OpusErrorCode.InvalidPacket;
  }
}

test('every TOC byte with every frame count lasts as long as libopus says', async () => {
  for (let toc = 0; toc < 256; toc++)
    for (const count of (toc & 3) === 3 ? Array.from({ length: 48 }, (_, i) => i + 1) : [1]) {
      // Two equal bodies for code 1, a first length of 1 for code 2. For code 3 constant bodies of
      // one byte each.
      const packet = Uint8Array.from([toc, (toc & 3) === 3 ? count : 1, ...Array((toc & 3) === 3 ? count : 1).fill(0)]);
      const expected = await getPacketInfo(packet, { sampleRate: 48_000 }).then(
        (info) => info.samples,
        () => undefined,
      );
      assert.equal(samplesOrRefuse(packet), expected, `TOC ${toc}, ${count} frames`);
    }
});

/** Packets that are nearly valid: a TOC, a count byte, lengths and padding near the limits. */
const packets = fc
  .tuple(
    fc.nat(255),
    fc.array(fc.oneof(fc.constantFrom(0, 1, 2, 3, 65, 129, 130, 193, 251, 252, 253, 254, 255), fc.nat(255)), { maxLength: 8 }),
    fc.oneof(fc.nat(12), fc.constantFrom(500, 1_275, 1_276, 1_300, 2_550, 2_551, 3_000)),
  )
  .map(([toc, head, body]) => Uint8Array.from([toc, ...head, ...Array(body).fill(0)]));

/** Code 3 with long padding. The body is about as long as the padding and the frames need. */
const padded = fc
  .record({
    toc: fc.nat(63),
    count: fc.integer({ min: 1, max: 6 }),
    long: fc.nat(4),
    short: fc.nat(254),
    spare: fc.integer({ min: -3, max: 12 }),
  })
  .map(({ toc, count, long, short, spare }) =>
    Uint8Array.from([
      (toc << 2) | 3,
      0x40 | count,
      ...Array(long).fill(255),
      short,
      ...Array(Math.max(0, 254 * long + short + spare)).fill(0),
    ]),
  );

test('accepts exactly the packets whose framing libopus accepts', () => {
  let taken = 0;
  let refused = 0;
  fc.assert(
    fc.property(fc.oneof(packets, padded), (packet) => {
      const expected = libopusTakes(packet);
      assert.equal(samplesOrRefuse(packet) !== undefined, expected, Buffer.from(packet.subarray(0, 12)).toString('hex'));
      if (expected) taken++;
      else refused++;
    }),
    { numRuns: 3_000 },
  );
  assert.ok(taken > 100 && refused > 100, `both outcomes occur: ${taken} accepted, ${refused} refused`);
});

test('random bytes give a WireError or 120 to 5760 samples', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (packet) => {
      const samples = samplesOrRefuse(packet);
      if (samples !== undefined) assert.ok(samples >= 120 && samples <= 5_760 && samples % 120 === 0);
    }),
  );
});

test('refuses each violation of RFC 6716 section 3.4', () => {
  const wrong: Record<string, number[]> = {
    'R1: nothing': [],
    'R2: a frame of 1276 bytes': [0x78, ...Array(1_276).fill(0)],
    'R3: code 1 with a body of odd length': [0x79, 0],
    'R4: code 2 with a first length beyond the end': [0x7a, 2, 0],
    'R4: code 2 without a length': [0x7a],
    'R5: no frames': [0x7b, 0],
    'R5: more than 120 ms': [0x7b, 7],
    'R5: no count': [0x7b],
    'R6: a body that cannot be divided evenly': [0x7b, 2, 0, 0, 0],
    'R6: more padding than bytes': [0x7b, 0x42, 3, 0, 0],
    'R7: a length beyond the end': [0x7b, 0x82, 9, 0],
  };
  for (const [what, bytes] of Object.entries(wrong)) assert.throws(() => opusPacketSamples(Uint8Array.from(bytes)), WireError, what);
});
