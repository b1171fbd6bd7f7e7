import assert from 'node:assert/strict';
import { test } from 'node:test';
import { opusPacketSamples } from '@hayate/protocol';
import fc from 'fast-check';
import { concealGap, GAP_STEP_SAMPLES, isConcealment } from './concealment.ts';
import { oggPageCrc } from './crc.ts';
import { OggError } from './ogg-error.ts';
import { readOggOpus, readOggOpusHeaders } from './ogg-opus-reader.ts';
import { OggOpusWriter } from './ogg-opus-writer.ts';
import { readPage } from './page.ts';

/** Any TOC of code 0 with any body. */
const packet = (bytesMax: number) =>
  fc
    .tuple(fc.integer({ min: 0, max: 63 }), fc.uint8Array({ maxLength: bytesMax }))
    .map(([toc, body]) => Uint8Array.from([toc << 2, ...body]));

const tags = fc.array(
  fc
    .tuple(fc.stringMatching(/^[A-Z_]{1,12}$/), fc.string({ unit: 'grapheme', maxLength: 20 }))
    .map(([name, value]) => [name, value] as const),
  { maxLength: 4 },
);

const head = fc.record({
  serial: fc.integer({ min: 0, max: 0xffffffff }),
  channels: fc.constantFrom(1, 2),
  preSkip: fc.integer({ min: 0, max: 65_535 }),
  inputSampleRate: fc.integer({ min: 0, max: 192_000 }),
  outputGain: fc.integer({ min: -32_768, max: 32_767 }),
});

function join(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** The pages of a file, after each checksum was verified. */
function pages(bytes: Uint8Array) {
  const found = [];
  for (let at = 0; at < bytes.length; ) {
    const page = readPage(bytes, at);
    found.push(page);
    at = page.end;
  }
  return found;
}

test("the reader reads the writer's files, whole or piece by piece, alone or in a chain", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(head, tags, fc.array(packet(700), { minLength: 1, maxLength: 130 })), {
        minLength: 1,
        maxLength: 3,
        selector: ([h]) => h.serial,
      }),
      fc.nat(20),
      (streams, takeEvery) => {
        const files = streams.map(([options, tagList, packets]) => {
          const whole = new OggOpusWriter({ ...options, tags: tagList });
          const pieces = new OggOpusWriter({ ...options, tags: tagList });
          const parts: Uint8Array[] = [];
          packets.forEach((data, i) => {
            whole.write(data);
            pieces.write(data);
            if (i % (takeEvery + 1) === 0) parts.push(pieces.take());
          });
          const bytes = whole.end();
          parts.push(pieces.end());
          assert.deepEqual(join(parts), bytes);
          return bytes;
        });
        const links = readOggOpus(join(files));
        assert.equal(links.length, streams.length);
        links.forEach((link, i) => {
          const [{ serial, ...expected }, tagList, packets] = streams[i] ?? assert.fail();
          assert.equal(link.serial, serial);
          assert.deepEqual(link.head, expected);
          assert.equal(link.vendor, 'hayate');
          assert.deepEqual(link.tags, tagList);
          assert.deepEqual(
            link.packets.map(({ data }) => Buffer.from(data)),
            packets.map((data) => Buffer.from(data)),
          );
          const samples = packets.reduce((sum, data) => sum + opusPacketSamples(data), 0);
          assert.equal(link.playedSamples, Math.max(0, samples - expected.preSkip));
          assert.equal(link.endTrim, 0);
        });
      },
    ),
    { numRuns: 60 },
  );
});

test('pages hold at most a second and 50 packets, and packets longer than a page continue in the next', () => {
  // A packet of code 3 with one empty frame and padding may have any length (RFC 6716 section
  // 3.2.5).
  const padded = (size: number): Uint8Array => {
    const data = new Uint8Array(size);
    data.set([0xff, 0x41]);
    const full = Math.floor((size - 3) / 255);
    data.fill(255, 2, 2 + full);
    data[2 + full] = (size - 3) % 255;
    return data;
  };
  for (const size of [3, 254, 255, 256, 255 * 254, 255 * 255 - 1, 255 * 255, 255 * 255 + 1, 65_536, 255 * 255 * 3]) {
    const writer = new OggOpusWriter({ serial: 7, channels: 2, preSkip: 312 });
    const packets = [size, 10, size, size].map(padded);
    for (const data of packets) writer.write(data);
    const bytes = writer.end();
    assert.deepEqual(
      readOggOpus(bytes)[0]?.packets.map(({ data }) => Buffer.from(data)),
      packets.map((data) => Buffer.from(data)),
    );
    assert.deepEqual(
      pages(bytes).map(({ sequence }) => sequence),
      pages(bytes).map((_, i) => i),
    );
  }
  const writer = new OggOpusWriter({ serial: 7, channels: 1, preSkip: 312 });
  for (let i = 0; i < 170; i++) writer.write(Uint8Array.of(0x78, 1, 2));
  const granules = pages(writer.end()).map(({ granule }) => granule);
  assert.deepEqual(granules, [0, 0, 48_000, 96_000, 144_000, 163_200]);
});

test('a stream that ends without a packet is a valid file that plays nothing', () => {
  const [link] = readOggOpus(new OggOpusWriter({ serial: 3, channels: 2, preSkip: 312 }).end());
  assert.equal(link?.playedSamples, 0);
  assert.ok(link.packets.every(({ data }) => isConcealment(data)));
});

test('any changed byte is refused with an offset, and so is any truncation', () => {
  const writer = new OggOpusWriter({ serial: 99, channels: 1, preSkip: 312, tags: [['TITLE', '疾風']] });
  for (let i = 0; i < 60; i++) writer.write(Uint8Array.of(0x78, i, 2, 3));
  const bytes = writer.end();
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const broken = bytes.slice();
      broken[at] = (broken[at] ?? 0) ^ change;
      assert.throws(() => readOggOpus(broken), OggError);
      assert.throws(() => readOggOpus(bytes.subarray(0, at)), OggError);
    }),
  );
});

test('random bytes, also with a valid checksum, give either links or an OggError', () => {
  const refuses = (bytes: Uint8Array) => {
    try {
      readOggOpus(bytes);
    } catch (error) {
      assert.ok(error instanceof OggError);
      assert.ok(error.offset >= 0 && error.offset <= bytes.length);
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), refuses));
  const writer = new OggOpusWriter({ serial: 1, channels: 1, preSkip: 0, tags: [['A', 'b']] });
  for (let i = 0; i < 3; i++) writer.write(Uint8Array.of(0x78, 1, 2));
  const good = writer.end();
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }), (changes) => {
      const bytes = good.slice();
      for (const [at, value] of changes) bytes[at] = value;
      // Correct the checksums, so that the tests reach the later checks.
      for (let at = 0; at + 27 <= bytes.length; ) {
        const count = bytes[at + 26] ?? 0;
        let end = at + 27 + count;
        for (const size of bytes.subarray(at + 27, at + 27 + count)) end += size;
        if (end > bytes.length) break;
        new DataView(bytes.buffer).setUint32(at + 22, oggPageCrc(bytes, at, end), true);
        at = end;
      }
      refuses(bytes);
    }),
    { numRuns: 2_000 },
  );
});

test('the headers can be read as soon as their bytes have arrived, and not before', () => {
  const writer = new OggOpusWriter({ serial: 5, channels: 2, preSkip: 3_840, tags: [['HAYATE_STREAM', 'x'.repeat(70_000)]] });
  const headers = writer.take();
  for (const cut of [0, 20, 60, 65_000, headers.length - 1]) assert.throws(() => readOggOpusHeaders(headers.subarray(0, cut)), OggError);
  const { head: read, tags: readTags } = readOggOpusHeaders(join([headers, new Uint8Array(10)]));
  assert.equal(read.preSkip, 3_840);
  assert.equal(readTags[0]?.[1].length, 70_000);
});

test("concealment lasts exactly as long as the gap and keeps its neighbour's mode as far as possible", () => {
  fc.assert(
    fc.property(packet(5), fc.integer({ min: 0, max: 4_000 }), (neighbour, steps) => {
      const packets = concealGap(steps * GAP_STEP_SAMPLES, neighbour);
      assert.ok(packets !== undefined);
      assert.ok(packets.every(isConcealment));
      assert.equal(
        packets.reduce((sum, data) => sum + opusPacketSamples(data), 0),
        steps * GAP_STEP_SAMPLES,
      );
      const celt = packets.findIndex((data) => (data[0] ?? 0) >> 3 >= 16);
      if ((neighbour[0] ?? 0) >> 3 < 16 && celt >= 0)
        assert.ok(
          packets.slice(celt).reduce((sum, data) => sum + opusPacketSamples(data), 0) < 480,
          'CELT fills only what 10 ms frames cannot',
        );
    }),
  );
  assert.equal(concealGap(121, Uint8Array.of(0x78)), undefined);
});
