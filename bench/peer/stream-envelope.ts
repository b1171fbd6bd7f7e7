// Envelopes as a streamer publishes them, one frame each. They are made by patching a template in
// place, so that generating load does not cost the measured process the time of encoding. Numbers
// have a fixed width, so they begin at 2^28.
import { Buffer } from 'node:buffer';
import { create, toBinary } from '@bufbuild/protobuf';
import { AudioSchema, encodeFrame, Kind, StreamHeaderSchema } from '@hayate/protocol';
import { EnvelopeSchema } from '@hayate/protocol/server';
import { MARK_BYTES, nowUs, writeMark } from '../load/mark.ts';

/** First sequence of a voice frame. Its varint has 5 bytes, up to 2^35. */
export const FIRST_SEQUENCE = 2 ** 28;

/** A stream to make envelopes for. */
export interface StreamIdentity {
  stream: string;
  /** The stream's number, for marks. */
  index: number;
  epoch: bigint;
  incarnation: bigint;
}

/** 48 kHz samples of a 20 ms packet. */
const PACKET_SAMPLES = 960;
/** A CELT frame of 20 ms, alone in its packet (RFC 6716 section 3.1). */
const TOC = 0xf8;

/**
 * The voice frame whose mark counts `sequence` from 0. `firstSequence` is the first voice frame's
 * sequence in the epoch. The frame's ServerMessage has about `messageBytes`.
 */
export function voiceFrame(
  { stream, index, epoch }: Omit<StreamIdentity, 'incarnation'>,
  sequence: number,
  messageBytes: number,
  firstSequence = FIRST_SEQUENCE,
): Uint8Array {
  const place = firstSequence + sequence;
  const frameOf = (markedBytes: number): Uint8Array => {
    const packet = Buffer.alloc(1 + markedBytes, 0x55);
    packet[0] = TOC;
    writeMark(packet, 1, { stream: index, sequence, payloadBytes: markedBytes });
    return encodeFrame({
      stream,
      epoch,
      sequence: place,
      captureUs: place * 20_000,
      kind: Kind.AUDIO,
      position: place * PACKET_SAMPLES,
      payload: toBinary(AudioSchema, create(AudioSchema, { packets: [packet] })),
    });
  };
  const overhead = frameOf(messageBytes).length + 3 - messageBytes;
  return frameOf(Math.max(MARK_BYTES, messageBytes - overhead));
}

/** The stream's HEADER: sequence 0. */
export function headerFrame({ stream, epoch }: Pick<StreamIdentity, 'stream' | 'epoch'>): Uint8Array {
  const header = create(StreamHeaderSchema, {
    title: stream,
    audio: { codec: 'opus', channels: 1, preSkip: 312, inputSampleRate: 48_000 },
  });
  return encodeFrame({ stream, epoch, sequence: 0, captureUs: 0, kind: Kind.HEADER, payload: toBinary(StreamHeaderSchema, header) });
}

/** Makes envelopes of one voice frame each. */
export class EnvelopeTemplate {
  readonly #identity: StreamIdentity;
  readonly #bytes: Buffer;
  readonly #at: { sequence: number; previous: number; received: number; mark: number };
  readonly #markedBytes: number;

  constructor(identity: StreamIdentity, messageBytes: number) {
    this.#identity = identity;
    const frame = voiceFrame(identity, 0, messageBytes);
    const receivedUnixUs = 2n ** 50n;
    const previousPlusOne = BigInt(FIRST_SEQUENCE);
    const { stream, epoch, incarnation } = identity;
    const envelope = create(EnvelopeSchema, {
      stream,
      epoch,
      generation: 1,
      incarnation,
      frames: [{ frame, receivedUnixUs, previousPlusOne }],
    });
    this.#bytes = Buffer.from(toBinary(EnvelopeSchema, envelope));
    const magic = Buffer.alloc(MARK_BYTES);
    writeMark(magic, 0, { stream: 0, sequence: 0, payloadBytes: 0 });
    const mark = this.#bytes.indexOf(magic.subarray(0, 8));
    this.#markedBytes = this.#bytes.readUInt32LE(mark + 28);
    const frameAt = this.#bytes.indexOf(frame);
    this.#at = {
      // Frame: stream (2 bytes and the name), epoch (9), then tag 3 and the sequence.
      sequence: frameAt + 2 + stream.length + 9 + 1,
      // LiveFrame: the frame, then tag 2 and 8 bytes, then tag 3 and 5 bytes.
      received: frameAt + frame.length + 1,
      previous: frameAt + frame.length + 1 + 8 + 1,
      mark,
    };
  }

  /**
   * The envelope of the frame whose mark counts `sequence`. It is a copy, because its receiver may
   * keep it.
   */
  envelope(sequence: number): Uint8Array {
    const bytes = Buffer.from(this.#bytes);
    patchVarint(bytes, this.#at.sequence, FIRST_SEQUENCE + sequence, 5);
    // previous_plus_one. The HEADER's sequence is 0, so the first voice frame has 1.
    patchVarint(bytes, this.#at.previous, sequence === 0 ? 1 : FIRST_SEQUENCE + sequence, 5);
    patchVarint(bytes, this.#at.received, Math.round((performance.timeOrigin + performance.now()) * 1_000), 8);
    const { index } = this.#identity;
    writeMark(bytes, this.#at.mark, { stream: index, sequence, payloadBytes: this.#markedBytes, sentUs: nowUs() });
    return bytes;
  }
}

/**
 * Overwrites a varint in place, padded to `width` bytes, a form that every Protobuf reader accepts.
 */
function patchVarint(bytes: Uint8Array, at: number, value: number, width: number): void {
  let left = value;
  for (let i = 0; i < width; i++) {
    bytes[at + i] = (left % 128) | (i < width - 1 ? 0x80 : 0);
    left = Math.floor(left / 128);
  }
}
