// In: the number of broadcasts, their length, and the number of partitions. Out: a file log with
// their entries as streamers append them: 50 AUDIO frames a second of 20 ms Opus, 30 MOTION frames
// of a tracked body, about 160 kbps together, in batches of 200 ms.
import { create, toBinary } from '@bufbuild/protobuf';
import {
  AudioSchema,
  createPose,
  EndedSchema,
  encodeFrame,
  encodeMotionDelta,
  encodeMotionKey,
  FrameFlag,
  Kind,
  mintEpoch,
  type Pose,
  quantisePose,
  StreamHeaderSchema,
} from '@hayate/protocol';
import { type Batch, BatchSchema, RecordSchema } from '@hayate/protocol/server';
import { openFileLog, partitionOf } from '../../packages/server/src/log/file/open.ts';
import { encodeOpus, PACKET_SAMPLES, voice } from '../../test/conformance/archive-sound.ts';
import { seededNumbers } from '../../test/support/archive-broadcast.ts';

/** The contents of a log. */
export interface MadeLog {
  /** Bytes of the encoded frames. */
  frameBytes: number;
  frames: number;
  /** Bytes of the values, which an archiver reads. */
  valueBytes: number;
  /** Length of each broadcast. */
  seconds: number;
}

/** The start of all broadcasts, Unix milliseconds. */
const STARTED_MS = Date.UTC(2026, 4, 3, 17, 0, 0);
const BATCH_MS = 200;
const MOTION_PER_SECOND = 30;
const CLIP_SECONDS = 20;

/** The clips that all broadcasts consist of. Each broadcast begins at another place in them. */
interface Clips {
  packets: Uint8Array[];
  /** Payloads of 30 poses a second. The first of each second is a key. */
  motion: Uint8Array[];
}

/** Makes the log in `directory`. Spreads the streams evenly over the partitions. */
export async function makeArchiveLog(directory: string, size: { streams: number; seconds: number; partitions: number }): Promise<MadeLog> {
  const { streams, seconds, partitions } = size;
  const clips = await makeClips();
  let nowMs = STARTED_MS;
  const log = await openFileLog({ directory, partitions, now: () => nowMs, retainBytes: 2 ** 40, waitingBytesMax: 2 ** 30 });
  const made: MadeLog = { frameBytes: 0, frames: 0, valueBytes: 0, seconds };
  const broadcasts = spread(streams, partitions);
  const append = async (name: string, value: Uint8Array) => {
    await log.append(name, value);
    made.valueBytes += value.length;
  };
  for (let batch = 0; batch < (seconds * 1_000) / BATCH_MS; batch++) {
    nowMs = STARTED_MS + (batch + 1) * BATCH_MS;
    await Promise.all(
      broadcasts.map((broadcast) => {
        const frames = broadcast.batch(batch, clips);
        for (const frame of frames) made.frameBytes += frame.length;
        made.frames += frames.length;
        return append(broadcast.name, batchValue(broadcast, frames, nowMs));
      }),
    );
  }
  await Promise.all(
    broadcasts.map((broadcast) => {
      const end = create(EndedSchema, { epoch: broadcast.epoch, nextSequence: BigInt(broadcast.sequence), reason: 1 });
      return append(broadcast.name, batchValue(broadcast, [], nowMs, { end }));
    }),
  );
  await log.close();
  return made;
}

/** The frames of one such broadcast, and the Opus packets of its voice. */
export async function makeArchiveFrames(
  seconds: number,
): Promise<{ stream: string; epoch: bigint; frames: Uint8Array[]; packets: Uint8Array[] }> {
  const clips = await makeClips();
  const broadcast = new Broadcast('stream-0', 0);
  const frames = Array.from({ length: (seconds * 1_000) / BATCH_MS }, (_, batch) => broadcast.batch(batch, clips)).flat();
  const packets = Array.from({ length: seconds * 50 }, (_, i) => clips.packets[i % clips.packets.length] ?? new Uint8Array());
  return { stream: broadcast.name, epoch: broadcast.epoch, frames, packets };
}

/** Broadcasts whose names fill all partitions evenly. */
function spread(streams: number, partitions: number): Broadcast[] {
  const left = Array.from({ length: partitions }, (_, i) => Math.floor(streams / partitions) + (i < streams % partitions ? 1 : 0));
  const broadcasts: Broadcast[] = [];
  for (let i = 0; broadcasts.length < streams; i++) {
    const name = `stream-${i}`;
    const partition = partitionOf(name, partitions);
    if ((left[partition] ?? 0) === 0) continue;
    left[partition] = (left[partition] ?? 0) - 1;
    broadcasts.push(new Broadcast(name, i));
  }
  return broadcasts;
}

/** One broadcast. It yields the frames of a batch every 200 ms. */
class Broadcast {
  readonly name: string;
  readonly epoch: bigint;
  sequence = 0;
  readonly #shift: number;
  #keySequence = 0;

  constructor(name: string, index: number) {
    this.name = name;
    this.epoch = mintEpoch(STARTED_MS, index);
    this.#shift = (index * 7) % CLIP_SECONDS;
  }

  batch(index: number, { packets, motion }: Clips): Uint8Array[] {
    const frames: Uint8Array[] = [];
    if (index === 0) frames.push(this.#frame(Kind.HEADER, 0, headerPayload(this.name)));
    const motionIn = (ms: number) => Math.floor((ms * MOTION_PER_SECOND) / 1_000);
    for (let ms = index * BATCH_MS; ms < (index + 1) * BATCH_MS; ms += 20) {
      const n = ms / 20;
      const packet = packets[(n + this.#shift * 50) % packets.length] ?? new Uint8Array();
      const payload = toBinary(AudioSchema, create(AudioSchema, { packets: [packet], level: 20 + (n % 60) }));
      frames.push(this.#frame(Kind.AUDIO, ms * 1_000, payload, { position: n * PACKET_SAMPLES }));
      for (let pose = motionIn(ms); pose < motionIn(ms + 20); pose++) {
        const key = pose % MOTION_PER_SECOND === 0;
        if (key) this.#keySequence = this.sequence;
        const bytes = motion[(pose + this.#shift * MOTION_PER_SECOND) % motion.length] ?? new Uint8Array();
        frames.push(this.#frame(Kind.MOTION, ms * 1_000, bytes, key ? { flags: FrameFlag.KEY } : { keySequence: this.#keySequence }));
      }
    }
    return frames;
  }

  #frame(kind: number, captureUs: number, payload: Uint8Array, more: { position?: number; flags?: number; keySequence?: number } = {}) {
    return encodeFrame({ stream: this.name, epoch: this.epoch, sequence: this.sequence++, captureUs, kind, payload, ...more });
  }
}

function batchValue({ name, epoch }: Broadcast, frames: readonly Uint8Array[], receivedMs: number, more: Partial<Batch> = {}): Uint8Array {
  const value = create(BatchSchema, {
    stream: name,
    epoch,
    generation: 1,
    incarnation: 0x5eed5eed5eed5eedn,
    labels: { room: 'bench', country: 'jp' },
    frames: frames.map((frame, i) => ({ frame, receivedUnixUs: BigInt(receivedMs - BATCH_MS) * 1_000n + BigInt(i * 12_347) })),
    viewers: 12,
    ...(more.end === undefined ? {} : { end: more.end }),
  });
  return toBinary(RecordSchema, create(RecordSchema, { body: { case: 'batch', value } }));
}

function headerPayload(title: string): Uint8Array {
  const audio = { codec: 'opus', channels: 1, preSkip: 312, inputSampleRate: 48_000 };
  return toBinary(StreamHeaderSchema, create(StreamHeaderSchema, { title, audio, originUnixUs: BigInt(STARTED_MS) * 1_000n }));
}

async function makeClips(): Promise<Clips> {
  const { packets } = await encodeOpus(voice(CLIP_SECONDS));
  const random = seededNumbers(160);
  const motion: Uint8Array[] = [];
  for (let second = 0; second < CLIP_SECONDS; second++) {
    const key = quantisePose(trackedPose(second, random));
    motion.push(encodeMotionKey(key));
    for (let i = 1; i < MOTION_PER_SECOND; i++)
      motion.push(encodeMotionDelta(quantisePose(trackedPose(second + i / MOTION_PER_SECOND, random)), key));
  }
  return { packets, motion };
}

/** A body and a face as a tracker sees them: everything moves slowly, with a little noise. */
function trackedPose(seconds: number, random: (below: number) => number): Pose {
  const pose = createPose();
  const noise = () => (random(2_001) - 1_000) / 400_000;
  for (let bone = 0; bone * 4 < pose.rotations.length; bone++) {
    const turn = [0, 1, 2].map((axis) => 0.15 * Math.sin(seconds * (0.5 + axis * 0.3) + bone) + noise());
    const [x = 0, y = 0, z = 0] = turn;
    pose.rotations.set([x, y, z, Math.sqrt(1 - x * x - y * y - z * z)], bone * 4);
  }
  for (let shape = 0; shape < pose.shapes.length; shape++)
    pose.shapes[shape] = Math.max(0, Math.min(1, 0.3 + 0.3 * Math.sin(seconds * 2 + shape) + 4 * noise()));
  pose.hips.set([0.01 * Math.sin(seconds), 0.9, 0.01 * Math.cos(seconds)]);
  return pose;
}
