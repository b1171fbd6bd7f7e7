import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AVRO_CODECS } from '../../format/avro/index.ts';
import { HayateError } from '../../kernel/error.ts';
import { CUT_CONFIG } from './cut-config.ts';
import { decodeManifest, encodeManifest, eraseManifestState, type Manifest, makeManifest } from './manifest.ts';

const count = fc.maxSafeNat();
const hex = (length: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`));
const ranges = fc.array(fc.tuple(count, count), { maxLength: 3 });
const epoch = fc.record(
  {
    stream: fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/),
    epoch: hex(16),
    windowStartMs: count,
    ended: fc.boolean(),
    seen: ranges,
    dropped: ranges,
    header: fc.record({
      sequence: count,
      title: fc.string({ unit: 'grapheme', maxLength: 9 }),
      channels: fc.constantFrom(1, 2),
      preSkip: count,
      inputSampleRate: count,
      originUnixUs: count,
      originErrorUs: count,
    }),
    tracks: fc.array(
      fc.record({ participant: count, position: count, preroll: fc.array(fc.base64String({ maxLength: 20 }), { maxLength: 3 }) }),
      { maxLength: 2 },
    ),
  },
  { requiredKeys: ['stream', 'epoch', 'windowStartMs', 'ended', 'seen', 'dropped', 'tracks'] },
);
const manifest: fc.Arbitrary<Manifest> = fc
  .record({
    log: fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/),
    partition: fc.nat(99),
    start: count,
    avroCodec: fc.constantFrom(...AVRO_CODECS),
    previous: fc.option(
      fc.record({ start: count, objects: fc.array(fc.record({ key: fc.string(), digest: hex(64) }), { maxLength: 3 }) }),
      { nil: undefined },
    ),
    state: fc.record({
      windowStartMs: count,
      covered: fc.record({ frames: count, marks: count, statistics: count }),
      epochs: fc.array(epoch, { maxLength: 3 }),
    }),
    erased: fc.boolean(),
  })
  .map(({ avroCodec, previous, erased, ...rest }) => {
    const content = { ...rest, config: { ...CUT_CONFIG, avroCodec } };
    const made = makeManifest(previous === undefined ? content : { ...content, previous });
    return erased ? eraseManifestState(made, { ...made.state, epochs: [] }) : made;
  });

/** Decodes a manifest; undefined if the bytes are refused, which must be as CORRUPT. */
function read(bytes: Uint8Array): Manifest | undefined {
  try {
    return decodeManifest(bytes, 'key');
  } catch (error) {
    assert.ok(error instanceof HayateError && error.code === 'CORRUPT', String(error));
    return undefined;
  }
}

test('a manifest is read back as it was written; one with a changed byte reads the same or is refused, one cut short is refused', () => {
  fc.assert(
    fc.property(manifest, fc.nat(), fc.integer({ min: 1, max: 255 }), (made, at, change) => {
      const bytes = encodeManifest(made);
      assert.equal(JSON.stringify(read(bytes)), JSON.stringify(made));
      const index = at % bytes.length;
      const broken = bytes.slice();
      broken[index] = (broken[index] ?? 0) ^ change;
      const said = read(broken);
      if (said !== undefined) assert.equal(JSON.stringify(said), JSON.stringify(made));
      // The last byte is the end of the line.
      assert.equal(read(bytes.subarray(0, index % (bytes.length - 1))), undefined);
    }),
    { numRuns: 500 },
  );
});

test('random bytes and random JSON are refused', () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => assert.equal(read(bytes), undefined)));
  fc.assert(fc.property(fc.json(), (text) => assert.equal(read(Buffer.from(text)), undefined)));
});
