import assert from 'node:assert/strict';
import { test } from 'node:test';
import { opusPacketSamples } from '@hayate/protocol';
import fc from 'fast-check';
import { isConcealment } from '../../format/ogg/index.ts';
import { AudioFrames } from './audio-frames.ts';
import { type LayoutOptions, lastPackets, layAudio, segmentPackets } from './audio-layout.ts';

/** A packet of 20 ms that contains its sequence. */
const packet = (sequence: number) => Uint8Array.of(0x78, sequence & 255, sequence >> 8, 1);

interface Frame {
  sequence: number;
  position: number;
  packets: Uint8Array[];
  samples: number;
}

const frame = (sequence: number, position: number, count = 1): Frame => ({
  sequence,
  position,
  packets: Array.from({ length: count }, () => packet(sequence)),
  samples: count * 960,
});

/** Lays out frames; `displaced` lists the sequences of displaced frames. */
function lay(frames: readonly Frame[], options: LayoutOptions) {
  const gathered = new AudioFrames();
  for (const { sequence, position, packets, samples } of frames)
    gathered.add(sequence, position, { packetCount: packets.length, packets, samples });
  const { displaced, ...layout } = layAudio(gathered, options);
  return { ...layout, displaced: displaced.map((index) => gathered.sequence(index)) };
}

const options = { position: 0, preroll: [], holeSamplesMax: 480_000, segmentsMax: 64 };

/** Total samples of packets. */
const duration = (packets: readonly Uint8Array[]) => packets.reduce((sum, data) => sum + opusPacketSamples(data), 0);

test('frames in any order lie at their positions, with concealment between them', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 3 })), { minLength: 1, maxLength: 40 }),
      fc.infiniteStream(fc.nat()),
      (steps, keys) => {
        let position = 0;
        const frames = steps.map(([count, gap], sequence) => {
          const made = frame(sequence, position + gap * 960, count);
          position = made.position + made.samples;
          return made;
        });
        const order = frames.map((made) => [keys.next().value ?? 0, made] as const);
        const shuffled = order.sort(([a], [b]) => a - b).map(([, made]) => made);
        const { segments, displaced, position: end } = lay(shuffled, options);
        assert.equal(displaced.length, 0);
        assert.equal(end, position);
        const [segment, more] = segments;
        assert.ok(segment !== undefined && more === undefined);
        assert.equal(duration(segmentPackets(segment)), position);
        assert.equal(
          segment.concealedSamples,
          steps.reduce((sum, [, gap]) => sum + gap * 960, 0),
        );
        let at = 0;
        for (const data of segmentPackets(segment)) {
          const owner = frames.find((made) => at >= made.position && at < made.position + made.samples);
          assert.deepEqual(data, owner === undefined ? Uint8Array.of(0x78) : packet(owner.sequence));
          at += opusPacketSamples(data);
        }
      },
    ),
  );
});

test('a hole that is too long, or that no packets can fill, ends the segment and is recorded', () => {
  const { segments } = lay([frame(0, 0), frame(1, 960 + 480_000), frame(2, 960 + 480_000 + 960 + 480_001), frame(3, 963_000)], options);
  assert.deepEqual(
    segments.map(({ position, holeSamples, concealedSamples, samples }) => [position, holeSamples, concealedSamples, samples]),
    [
      [0, 0, 480_000, 481_920],
      [961_921 + 0, 480_001, 0, 960],
      [963_000, 119, 0, 960],
    ],
  );
});

test('packets that overlap are displaced, and so are packets that need more segments than allowed', () => {
  const overlapping = lay([frame(0, 0, 2), frame(1, 960), frame(2, 1_920)], options);
  assert.deepEqual(overlapping.displaced, [1]);
  const far = lay(
    [0, 1, 2, 3].map((n) => frame(n, n * 1_000_000)),
    { ...options, segmentsMax: 2 },
  );
  assert.equal(far.segments.length, 2);
  assert.deepEqual(far.displaced, [2, 3]);
  assert.equal(far.position, 1_000_960);
});

test('a segment that continues another begins with the pre-roll, one after a hole does not', () => {
  const preroll = [7, 8, 9, 10].map(packet);
  const { segments } = lay([frame(11, 9_600), frame(12, 1_000_000)], { ...options, position: 8_640, preroll });
  assert.deepEqual(
    segments.map(({ position, prerollSamples }) => [position, prerollSamples]),
    [
      [8_640, 3_840],
      [1_000_000, 0],
    ],
  );
  const [first, second] = segments;
  assert.ok(first !== undefined && second !== undefined);
  const packets = segmentPackets(first);
  assert.ok(packets.slice(4, 5).every(isConcealment));
  assert.deepEqual(lastPackets(first, 3_840), packets.slice(-4));
  assert.deepEqual(lastPackets(second, 3_840), [packet(12)]);
});

test('the last packets of a segment are those of its whole list, wherever the holes are', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 40 })), { minLength: 1, maxLength: 12 }),
      fc.nat(30_000),
      fc.nat(5),
      (steps, samples, prerolled) => {
        let position = 9_600;
        const frames = steps.map(([count, gap], sequence) => {
          const made = frame(sequence, position + gap * 120, count);
          position = made.position + made.samples;
          return made;
        });
        const preroll = Array.from({ length: prerolled }, (_, i) => packet(i));
        for (const segment of lay(frames, { ...options, position: 9_600, preroll }).segments) {
          const packets = segmentPackets(segment);
          let start = packets.length;
          for (let total = 0; start > 0 && total < samples; ) total += opusPacketSamples(packets[--start] ?? assert.fail());
          assert.deepEqual(lastPackets(segment, samples), packets.slice(start));
        }
      },
    ),
  );
});
