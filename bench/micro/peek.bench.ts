// Micro benchmark: peekFrame, which reads a Frame's header, against the generated codec's
// fromBinary, on the frames of a usual broadcast. Rounds of both are interleaved, so that other
// work on the machine affects both alike.
import { fromBinary } from '@bufbuild/protobuf';
import { encodeFrame, FrameSchema, Kind, peekFrame } from '@hayate/protocol';

/** A ratio: how many times as long the peer takes. */
export interface BenchResult {
  name: string;
  ratio: number;
  unit: string;
  details: Record<string, number | string>;
}

const FRAMES = 1_000;

/**
 * Times both. `quick` takes fewer rounds. Ratio: generated codec's median time over peekFrame's.
 */
export async function run(options: { quick: boolean }): Promise<BenchResult> {
  const frames = sampleFrames(1);
  const mixed = sampleFrames(16);
  const ours: number[] = [];
  const oursMixed: number[] = [];
  const generated: number[] = [];
  let checksum = 0;
  const rounds = options.quick ? 15 : 101;
  const repeats = options.quick ? 20 : 100;
  for (let round = -3; round < rounds; round++) {
    const peekNs = time(frames, repeats, (frame) => {
      checksum += peekFrame(frame).sequence;
    });
    const mixedNs = time(mixed, repeats, (frame) => {
      checksum += peekFrame(frame).sequence - 100_000;
    });
    const codecNs = time(frames, repeats, (frame) => {
      checksum -= Number(fromBinary(FrameSchema, frame).sequence);
    });
    checksum -= (repeats * FRAMES * (FRAMES - 1)) / 2;
    if (round < 0) continue;
    ours.push(peekNs);
    oursMixed.push(mixedNs);
    generated.push(codecNs);
  }
  if (checksum !== 0) throw new Error('the two readers disagree');
  return {
    name: 'frame header: peekFrame against generated fromBinary',
    ratio: quantile(generated, 0.5) / quantile(ours, 0.5),
    unit: 'x',
    details: {
      peekNsPerFrameP50: round1(quantile(ours, 0.5)),
      peekNsPerFrameP99: round1(quantile(ours, 0.99)),
      peek16StreamsNsPerFrameP50: round1(quantile(oursMixed, 0.5)),
      generatedNsPerFrameP50: round1(quantile(generated, 0.5)),
      generatedNsPerFrameP99: round1(quantile(generated, 0.99)),
      rounds,
      framesPerRound: FRAMES * repeats,
    },
  };
}

/**
 * Voice at 50 frames a second and motion at 30, as a studio sends them, from `streams` streams in
 * turn.
 */
function sampleFrames(streams: number): Uint8Array[] {
  const epoch = (1_780_000_000_000n << 20n) | 77n;
  return Array.from({ length: FRAMES }, (_, i) =>
    i % 8 < 5
      ? encodeFrame({
          stream: `studio-${i % streams}`,
          epoch: epoch + BigInt(i % streams),
          sequence: 100_000 + i,
          captureUs: 12_500 * (100_000 + i),
          kind: Kind.AUDIO,
          position: 960 * i,
          payload: new Uint8Array(90),
        })
      : encodeFrame({
          stream: `studio-${i % streams}`,
          epoch: epoch + BigInt(i % streams),
          sequence: 100_000 + i,
          captureUs: 12_500 * (100_000 + i),
          kind: Kind.MOTION,
          keySequence: 100_000 + i - 8,
          payload: new Uint8Array(220),
        }),
  );
}

/** Nanoseconds for each frame. */
function time(frames: readonly Uint8Array[], repeats: number, read: (frame: Uint8Array) => void): number {
  const start = performance.now();
  for (let i = 0; i < repeats; i++) for (const frame of frames) read(frame);
  return ((performance.now() - start) * 1e6) / (repeats * frames.length);
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

function round1(value: number): number {
  return Math.round(value * 10) / 10;
}
