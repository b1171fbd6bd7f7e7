// Makes frames of one epoch as a broadcaster would: each call uses the next sequence, or a given
// one. The bytes of a sequence stay the same, so that a frame can be sent twice.
import { create, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { AudioSchema, EventSchema, encodeFrame, FrameFlag, Kind, MotionSchema, StreamHeaderSchema } from '@hayate/protocol';

/** A frame, and the fields of a viewer's line about it. */
export interface MadeFrame {
  readonly epoch: bigint;
  readonly sequence: number;
  readonly kind: number;
  readonly participant: number;
  readonly bytes: Uint8Array;
}

/** Fields that a caller may set. */
interface FrameOptions {
  readonly participant?: number;
  /** The next sequence if absent. */
  readonly sequence?: number;
}

const SILENCE = Uint8Array.of(0xf8, 0xff, 0xfe);

/** Makes frames of one epoch. */
export class FrameSource {
  readonly stream: string;
  readonly epoch: bigint;
  /** The sequence of the next frame. */
  next: number;

  constructor(stream: string, epoch: bigint, next = 0) {
    this.stream = stream;
    this.epoch = epoch;
    this.next = next;
  }

  header(options: FrameOptions & { title?: string } = {}): MadeFrame {
    const { title = 'conformance', ...rest } = options;
    const participants = [1, 2].map((number) => ({ number, name: `guest ${number}` }));
    const audio = { codec: 'opus', channels: 1, preSkip: 312, inputSampleRate: 48_000 };
    const motion = { rate: 10, keyIntervalMs: 1_000 };
    const content = create(StreamHeaderSchema, { title, audio, motion, participants });
    return this.make(Kind.HEADER, toBinary(StreamHeaderSchema, content), rest);
  }

  audio(options: FrameOptions = {}): MadeFrame {
    return this.make(Kind.AUDIO, toBinary(AudioSchema, create(AudioSchema, { packets: [SILENCE], level: 127 })), options);
  }

  /** A key of MOTION. */
  key(options: FrameOptions = {}): MadeFrame {
    return this.make(Kind.MOTION, motionPayload(1), { ...options, flags: FrameFlag.KEY });
  }

  /** A delta of MOTION over the key `keySequence`. */
  delta(keySequence: number, options: FrameOptions = {}): MadeFrame {
    return this.make(Kind.MOTION, motionPayload(2), { ...options, keySequence });
  }

  event(options: FrameOptions = {}): MadeFrame {
    const content = create(EventSchema, { body: { case: 'custom', value: { type: 'tick', data: SILENCE } } });
    return this.make(Kind.EVENT, toBinary(EventSchema, content), options);
  }

  /** A frame of any kind and payload. */
  make(
    kind: number,
    payload: Uint8Array,
    { sequence = this.next, participant = 0, flags = 0, keySequence = 0 }: FrameOptions & { flags?: number; keySequence?: number } = {},
  ): MadeFrame {
    this.next = Math.max(this.next, sequence + 1);
    const { stream, epoch } = this;
    const position = kind === Kind.AUDIO ? sequence * 960 : 0;
    const fields = { stream, epoch, sequence, captureUs: sequence * 20_000, kind, flags, participant, position, keySequence, payload };
    return { epoch, sequence, kind, participant, bytes: encodeFrame(fields) };
  }

  /**
   * An EVENT encoded as no generated codec would: fields in descending order, one of them twice,
   * overlong varints, unknown fields.
   */
  oddEvent(): MadeFrame {
    const { epoch, sequence, kind, participant } = this.event();
    const writer = new BinaryWriter();
    writer.tag(2_000, WireType.LengthDelimited).bytes(SILENCE);
    writer.tag(15, WireType.LengthDelimited).bytes(new Uint8Array());
    writer.tag(16, WireType.Varint).uint64(2n ** 64n - 1n);
    writer.tag(5, WireType.Varint).raw(Uint8Array.of(0x80 | kind, 0x80, 0x00));
    writer.tag(3, WireType.Varint).uint32(sequence + 1);
    writer.tag(3, WireType.Varint).uint32(sequence);
    writer.tag(2, WireType.Bit64).fixed64(epoch);
    writer.tag(1, WireType.LengthDelimited).string(this.stream);
    return { epoch, sequence, kind, participant, bytes: writer.finish() };
  }
}

/** A pose in which one shape has a weight. A delta changes the weight. */
function motionPayload(weight: number): Uint8Array {
  return toBinary(MotionSchema, create(MotionSchema, { shapeMask: Uint8Array.of(1), shapes: Uint8Array.of(weight), hips: [1, 2, weight] }));
}
