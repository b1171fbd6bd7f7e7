// Log values as a streamer appends them, for the archive's tests: real frames in real batches, made
// from a seed. The same seed gives the same batches, with gaps, duplicates, late resends, several
// voices, dropped ranges and ends.
import { create, toBinary } from '@bufbuild/protobuf';
import {
  AudioSchema,
  EndedSchema,
  encodeFrame,
  type FrameFields,
  FrameFlag,
  Kind,
  mintEpoch,
  RangeSchema,
  StreamHeaderSchema,
} from '@hayate/protocol';
import { type Batch, BatchSchema, RecordSchema } from '@hayate/protocol/server';

/** Unix milliseconds at which the tests' broadcasts begin: a minute before an hour ends. */
export const STARTED_MS = Date.UTC(2026, 4, 3, 17, 59, 0);

/** A log value and its decoded content. */
export interface AppendedBatch {
  stream: string;
  epoch: bigint;
  /** Unix milliseconds. */
  appendTimeMs: number;
  frames: { sequence: number; bytes: Uint8Array }[];
  value: Uint8Array;
}

/** Whole numbers from 0 to before `below`, from a seed (xorshift32). */
export function seededNumbers(seed: number): (below: number) => number {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}

/** An encoded StreamHeader payload. */
export function headerPayload(options: { title?: string; preSkip?: number; channels?: number; originUnixUs?: number } = {}): Uint8Array {
  const { title = 'Test', preSkip = 312, channels = 1, originUnixUs = STARTED_MS * 1000 } = options;
  const audio = { codec: 'opus', channels, preSkip, inputSampleRate: 48_000 };
  return toBinary(StreamHeaderSchema, create(StreamHeaderSchema, { title, audio, originUnixUs: BigInt(originUnixUs), originErrorUs: 900 }));
}

/** An encoded Audio payload. */
export function audioPayload(packets: Uint8Array[], level?: number): Uint8Array {
  return toBinary(AudioSchema, create(AudioSchema, { packets, ...(level === undefined ? {} : { level }) }));
}

/** The log value of a batch of one epoch. */
export function batchValue(
  stream: string,
  epoch: bigint,
  frames: readonly Uint8Array[],
  receivedMs: number,
  more: Partial<Batch> = {},
): Uint8Array {
  const { $typeName: _, ...rest } = more;
  const batch = create(BatchSchema, {
    stream,
    epoch,
    generation: 1,
    incarnation: 0xfeedn,
    labels: { room: 'test', '7': 'seven' },
    frames: frames.map((frame) => ({ frame, receivedUnixUs: BigInt(receivedMs) * 1000n })),
    viewers: 3,
    ...rest,
  });
  return toBinary(RecordSchema, create(RecordSchema, { body: { case: 'batch', value: batch } }));
}

/** The log value of a tick. */
export function tickValue(cut: boolean): Uint8Array {
  return toBinary(RecordSchema, create(RecordSchema, { body: { case: 'tick', value: { cut } } }));
}

interface Epoch {
  stream: string;
  epoch: bigint;
  sequence: number;
  startMs: number;
  positions: number[];
  /** Frames that are not in a batch yet. */
  waiting: { sequence: number; bytes: Uint8Array }[];
  /** Frames held back, to arrive late. */
  held: { sequence: number; bytes: Uint8Array }[];
  recent: { sequence: number; bytes: Uint8Array }[];
}

/** A log of about `seconds` of three streams; `packetOf` gives a voice packet of 20 ms. */
export function makeLog(seed: number, seconds: number, packetOf: (index: number) => Uint8Array): AppendedBatch[] {
  const random = seededNumbers(seed);
  const chance = (percent: number) => random(100) < percent;
  const batches: AppendedBatch[] = [];
  const begin = (stream: string, atMs: number): Epoch => ({
    stream,
    epoch: mintEpoch(atMs, random(1 << 20)),
    sequence: 0,
    startMs: atMs,
    positions: [0, 0],
    waiting: [],
    held: [],
    recent: [],
  });
  let nowMs = STARTED_MS + random(20_000);
  const streams = ['alice', 'bob', 'carol-_9'].map((name) => begin(name, nowMs));
  const frame = (epoch: Epoch, fields: Pick<FrameFields, 'kind' | 'payload'> & Partial<FrameFields>) => {
    const bytes = encodeFrame({
      stream: epoch.stream,
      epoch: epoch.epoch,
      sequence: epoch.sequence,
      captureUs: (nowMs - epoch.startMs) * 1000,
      ...fields,
    });
    (chance(4) ? epoch.held : epoch.waiting).push({ sequence: epoch.sequence++, bytes });
  };
  const append = (epoch: Epoch, frames: AppendedBatch['frames'], more: Partial<Batch> = {}) => {
    const value = batchValue(
      epoch.stream,
      epoch.epoch,
      frames.map(({ bytes }) => bytes),
      nowMs,
      { viewers: random(9), ...more },
    );
    batches.push({ stream: epoch.stream, epoch: epoch.epoch, appendTimeMs: nowMs, frames, value });
  };
  const endMs = nowMs + seconds * 1000;
  while (nowMs < endMs) {
    nowMs += chance(2) ? random(15_000) : 200 + random(400);
    for (const [index, epoch] of streams.entries()) {
      if (epoch.sequence === 0 || chance(3))
        frame(epoch, {
          kind: Kind.HEADER,
          payload: headerPayload({ title: `${epoch.stream} ${epoch.sequence}`, originUnixUs: epoch.startMs * 1000 }),
        });
      for (const [participant, position] of epoch.positions.entries()) {
        if (participant === 1 && index !== 1) continue;
        let at = position;
        for (let n = random(12); n > 0; n--) {
          const count = 1 + random(3);
          const packets = Array.from({ length: count }, (_, i) => packetOf(at / 960 + i));
          // Some frames are lost before they get a sequence; some voices pause, a few of them for
          // long.
          if (!chance(5))
            frame(epoch, {
              kind: Kind.AUDIO,
              participant,
              position: at,
              payload: audioPayload(packets, chance(80) ? random(128) : undefined),
            });
          at += count * 960;
        }
        epoch.positions[participant] = at + (chance(2) ? random(700) * 960 : 0);
      }
      frame(epoch, { kind: Kind.MOTION, flags: FrameFlag.KEY, payload: Uint8Array.from({ length: 40 }, () => random(256)) });
      if (chance(5)) frame(epoch, { kind: Kind.EVENT, payload: Uint8Array.of(1, 2, 3) });
      if (chance(5)) frame(epoch, { kind: 64 + random(64), payload: new Uint8Array(0) });
      const frames = epoch.waiting.splice(0);
      // A retried append, a connection that resends, and late frames.
      if (chance(10)) frames.push(...epoch.recent.slice(0, random(5)));
      if (chance(8)) frames.push(...epoch.held.splice(0));
      epoch.recent = [...frames, ...epoch.recent].slice(0, 40);
      const first = epoch.sequence;
      if (chance(3)) epoch.sequence += 3;
      const range = create(RangeSchema, { first: BigInt(first), last: BigInt(epoch.sequence - 1) });
      const dropped = epoch.sequence > first ? [range] : [];
      append(epoch, frames, { dropped });
      if (!chance(1)) continue;
      append(epoch, epoch.held.splice(0), {
        end: create(EndedSchema, { epoch: epoch.epoch, nextSequence: BigInt(epoch.sequence), reason: 1 }),
      });
      streams[index] = begin(epoch.stream, nowMs);
    }
  }
  return batches;
}
