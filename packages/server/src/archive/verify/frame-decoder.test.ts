import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { AudioSchema, opusPacketSamples, peekFrame, readStrictly, StreamHeaderSchema, WireError } from '@hayate/protocol';
import fc from 'fast-check';
import { DecodeError, decodeAudio, decodeFrame, decodeHeader } from './frame-decoder.ts';
import { packetSamples } from './opus-duration.ts';

/** The result of a reader; undefined if it refuses the bytes. Any other error fails the test. */
function unlessRefused<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    assert.ok(error instanceof DecodeError || error instanceof WireError, `${error}`);
    return undefined;
  }
}

/** The verifier's reader and the writer's reader for the same bytes, with results in one form. */
const pairs: Readonly<Record<string, readonly [verifier: (bytes: Uint8Array) => unknown, writer: (bytes: Uint8Array) => unknown]>> = {
  frame: [
    (bytes) => decodeFrame(bytes),
    (bytes) => {
      const { sequence, captureUs, position, keySequence, ...rest } = peekFrame(bytes);
      const [big, us, at, key] = [sequence, captureUs, position, keySequence].map(BigInt);
      return { ...rest, sequence: big, captureUs: us, position: at, keySequence: key };
    },
  ],
  header: [
    (bytes) => decodeHeader(bytes),
    (bytes) => {
      const { title, audio, originUnixUs, originErrorUs } = readStrictly(StreamHeaderSchema, bytes);
      const { channels, preSkip, inputSampleRate } = audio ?? { channels: 0, preSkip: 0, inputSampleRate: 0 };
      return { title, channels, preSkip, inputSampleRate, originUnixUs, originErrorUs };
    },
  ],
  audio: [
    (bytes) => {
      const { packets, level, samples } = decodeAudio(bytes);
      return { packets: packets.map((packet) => Buffer.from(packet).toString('hex')), level, samples };
    },
    (bytes) => {
      const { packets, level } = readStrictly(AudioSchema, bytes);
      if (packets.length === 0) throw new WireError('no packets');
      const samples = packets.reduce((sum, packet) => sum + opusPacketSamples(packet), 0);
      return { packets: packets.map((packet) => Buffer.from(packet).toString('hex')), level, samples };
    },
  ],
};

const vectors = new URL('../../../../../spec/vectors/', import.meta.url);
const bytesWhere = (matches: (name: string) => boolean): Uint8Array[] =>
  readdirSync(vectors)
    .filter((name) => name.endsWith('.bin') && matches(name))
    .map((name) => new Uint8Array(readFileSync(new URL(name, vectors))));
const frames = bytesWhere((name) => name.startsWith('frame-'));
const payloads = frames.flatMap((bytes) => {
  const header = unlessRefused(() => peekFrame(bytes));
  return header === undefined ? [] : [bytes.subarray(header.payloadOffset, header.payloadOffset + header.payloadLength)];
});
const seeds = [...frames, ...payloads, ...bytesWhere((name) => /^(audio|header)-bad-/.test(name))];

/** Bytes close to a vector: with one byte changed, cut short, doubled, or with bytes inserted. */
const near = fc
  .record({
    seed: fc.constantFrom(...seeds),
    how: fc.constantFrom('unchanged', 'change', 'cut', 'double', 'insert'),
    at: fc.nat(),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 12 }),
  })
  .map(({ seed, how, at, bytes }) => {
    const place = at % (seed.length + 1);
    const [before, after] = [seed.subarray(0, place), seed.subarray(place)];
    if (how === 'cut') return before;
    if (how === 'double') return Uint8Array.from([...seed, ...seed]);
    if (how === 'insert') return Uint8Array.from([...before, ...bytes, ...after]);
    return how === 'change' ? Uint8Array.from([...before, ...bytes.subarray(0, 1), ...after.subarray(1)]) : seed;
  });

for (const [what, [verifier, writer]] of Object.entries(pairs))
  test(`the verifier reads a ${what} as the writer does, or both refuse it, for any bytes`, () => {
    let [taken, refused] = [0, 0];
    fc.assert(
      fc.property(near, (bytes) => {
        const expected = unlessRefused(() => writer(bytes));
        assert.deepEqual(
          unlessRefused(() => verifier(bytes)),
          expected,
          Buffer.from(bytes).toString('hex'),
        );
        if (expected === undefined) refused++;
        else taken++;
      }),
      { numRuns: 3_000 },
    );
    assert.ok(taken > 100 && refused > 100, `both outcomes occur: ${taken} accepted, ${refused} refused`);
  });

test('every payload vector that a server refuses is refused by the verifier', () => {
  const refused = { audio: 0, header: 0 };
  for (const name of readdirSync(vectors)) {
    const [, kind] = /^(audio|header)-bad-/.exec(name) ?? [];
    if (kind !== 'audio' && kind !== 'header') continue;
    const bytes = readFileSync(new URL(name, vectors));
    assert.throws(() => (kind === 'audio' ? decodeAudio(bytes) : decodeHeader(bytes)), DecodeError, name);
    refused[kind]++;
  }
  assert.ok(refused.audio >= 4 && refused.header >= 5, JSON.stringify(refused));
});

test('a packet lasts as long for the verifier as for the writer, or both refuse it', () => {
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    fc.tuple(fc.uint8Array({ maxLength: 6 }), fc.constantFrom(252, 1_274, 1_275, 1_276, 2_550, 2_552)).map(([head, more]) => {
      const bytes = new Uint8Array(head.length + more);
      bytes.set(head);
      return bytes;
    }),
  );
  let [taken, refused] = [0, 0];
  fc.assert(
    fc.property(fc.nat(255), body, (toc, rest) => {
      const packet = Uint8Array.from([toc, ...rest]);
      const expected = unlessRefused(() => opusPacketSamples(packet));
      assert.equal(packetSamples(packet), expected, Buffer.from(packet.subarray(0, 16)).toString('hex'));
      if (expected === undefined) refused++;
      else taken++;
    }),
    { numRuns: 5_000 },
  );
  assert.equal(packetSamples(new Uint8Array()), undefined);
  assert.ok(taken > 500 && refused > 500, `both outcomes occur: ${taken} accepted, ${refused} refused`);
});
