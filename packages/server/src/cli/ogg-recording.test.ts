// Recordings keep the timeline of a stream. The strict reader reads them back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { opusPacketSamples } from '@hayate/protocol';
import fc from 'fast-check';
import { readOggOpus } from '../format/ogg/index.ts';
import { OggRecording } from './ogg-recording.ts';

const format = { channels: 1, preSkip: 312, inputSampleRate: 48_000, tags: [] };
/** A 20 ms CELT packet, identified by its second byte. */
const packet = (n: number) => Uint8Array.of(0xf8, n & 0xff, n >> 8);

function file(recording: OggRecording, parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat([...parts, recording.end()]);
}

test('for any lost frames, the file is as long as the stream and every packet lies at its position', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 300 }), fc.nat(100_000), (kept, start) => {
      const recording = new OggRecording(format);
      const parts = kept.flatMap((keep, n) => (keep ? [recording.add([packet(n)], start + n * 960)] : []));
      const first = kept.indexOf(true);
      if (first < 0) return assert.equal(file(recording, parts).length, 0);
      const [link] = readOggOpus(file(recording, parts));
      assert.ok(link !== undefined);
      let position = first * 960;
      const found: number[] = [];
      for (const { data, samples } of link.packets) {
        if (data.length === 3) {
          const n = (data[1] ?? 0) | ((data[2] ?? 0) << 8);
          assert.equal(position, n * 960);
          found.push(n);
        }
        position += samples;
      }
      assert.deepEqual(
        found,
        kept.flatMap((keep, n) => (keep ? [n] : [])),
      );
      assert.equal(position, (kept.lastIndexOf(true) + 1) * 960);
    }),
  );
});

test('a recording from the beginning has the stream’s own pre-skip; one from the middle hides its convergence', () => {
  for (const [position, preSkip] of [
    [0, 312],
    [480_000, 3_840],
  ] as const) {
    const recording = new OggRecording(format);
    const parts = [recording.add([packet(1), packet(2)], position)];
    assert.equal(readOggOpus(file(recording, parts))[0]?.head.preSkip, preSkip);
  }
});

test('packets for a time already written are left out, and a jump of hours is not filled', () => {
  const recording = new OggRecording(format);
  const parts = [recording.add([packet(1)], 0), recording.add([packet(1)], 0), recording.add([packet(2)], Number.MAX_SAFE_INTEGER - 960)];
  const [link] = readOggOpus(file(recording, parts));
  assert.deepEqual(
    link?.packets.map(({ data }) => data[1]),
    [1, 2],
  );
  assert.equal(recording.late, 1);
  assert.equal(opusPacketSamples(packet(1)), 960);
});
