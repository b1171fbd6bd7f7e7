// The verifier's own decoder of encoded frames and of HEADER and AUDIO payloads. It shares no code
// with the writer's readers (the header peek, the AUDIO reader, the generated codec), so that a
// fault in one of them shows as a difference. It follows Protobuf's encoding page and spec/wire.md,
// "Reading", and is written for clarity, not speed. Invariant: every Protobuf codec reads the bytes
// that it accepts in the same way.
import { packetSamples } from './opus-duration.ts';

/** A frame, decoded from its own bytes. */
interface DecodedFrame {
  stream: string;
  epoch: bigint;
  sequence: bigint;
  captureUs: bigint;
  kind: number;
  flags: number;
  participant: number;
  position: bigint;
  keySequence: bigint;
  /** Offset of the payload in the frame; 0 if there is none. */
  payloadOffset: number;
  payloadLength: number;
}

/** The fields of a HEADER payload that the archive uses; absent fields are empty or 0. */
interface DecodedHeader {
  title: string;
  channels: number;
  preSkip: number;
  inputSampleRate: number;
  originUnixUs: bigint;
  originErrorUs: number;
}

/** An AUDIO payload. */
interface DecodedAudio {
  packets: readonly Uint8Array[];
  /** -dBov; undefined if it was not measured. */
  level: number | undefined;
  /** Duration of all packets together, at 48 kHz. */
  samples: number;
}

/** The bytes cannot be read, or codecs would read them differently. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
}

/**
 * Decodes a frame. Throws DecodeError for bytes that a server must refuse by spec/wire.md,
 * "Reading".
 */
export function decodeFrame(bytes: Uint8Array): DecodedFrame {
  const fields = decodeFields(FRAME, bytes);
  for (const name of fields.textsOf(1)) if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) throw new DecodeError('it has no valid stream name');
  for (const epoch of fields.numbersOf(2)) if (epoch === 0n) throw new DecodeError('epoch 0');
  for (const kind of fields.numbersOf(5))
    if (!((kind >= 1n && kind <= 5n) || (kind >= 64n && kind <= 127n))) throw new DecodeError('a kind that is not assigned');
  for (const field of [3, 4, 8, 9])
    for (const number of fields.numbersOf(field)) if (number >= 1n << 53n) throw new DecodeError('a number above 2^53 - 1');
  for (const field of [1, 2, 5]) if (!fields.has(field)) throw new DecodeError(`field ${field} is missing`);
  const payload = fields.last(15);
  return {
    stream: fields.text(1),
    epoch: fields.number(2),
    sequence: fields.number(3),
    captureUs: fields.number(4),
    kind: Number(fields.number(5)),
    flags: Number(fields.number(6)),
    participant: Number(fields.number(7)),
    position: fields.number(8),
    keySequence: fields.number(9),
    payloadOffset: payload === undefined ? 0 : payload.byteOffset - bytes.byteOffset,
    payloadLength: payload?.length ?? 0,
  };
}

/** Decodes a HEADER payload. Throws DecodeError. */
export function decodeHeader(payload: Uint8Array): DecodedHeader {
  const fields = decodeFields(STREAM_HEADER, payload);
  // Occurrences of a singular message are merged, which equals decoding their concatenation.
  const audio = decodeFields(AUDIO_CONFIG, Buffer.concat(fields.bytesOf(3)));
  return {
    title: fields.text(1),
    channels: Number(audio.number(2)),
    preSkip: Number(audio.number(3)),
    inputSampleRate: Number(audio.number(4)),
    originUnixUs: fields.number(6),
    originErrorUs: Number(fields.number(7)),
  };
}

/**
 * Decodes an AUDIO payload. Throws DecodeError, also if it has no packet or one that RFC 6716
 * forbids.
 */
export function decodeAudio(payload: Uint8Array): DecodedAudio {
  const fields = decodeFields(AUDIO, payload);
  const packets = fields.bytesOf(1);
  if (packets.length === 0) throw new DecodeError('no packets');
  let samples = 0;
  for (const packet of packets) {
    const duration = packetSamples(packet);
    if (duration === undefined) throw new DecodeError('a packet that is not Opus');
    samples += duration;
  }
  return { packets, level: fields.has(2) ? Number(fields.number(2)) : undefined, samples };
}

/** The type of a known field. */
type FieldType = 'uint32' | 'uint64' | 'fixed64' | 'bytes' | 'string' | Shape;

/** The known fields of a message by number, as in the .proto files. */
interface Shape {
  readonly [field: number]: FieldType;
}

const AUDIO: Shape = { 1: 'bytes', 2: 'uint32' };
const AUDIO_CONFIG: Shape = { 1: 'string', 2: 'uint32', 3: 'uint32', 4: 'uint32' };
const MOTION_CONFIG: Shape = { 1: 'uint32', 2: 'uint32' };
const PARTICIPANT: Shape = { 1: 'uint32', 2: 'string', 3: 'string' };
const STREAM_HEADER: Shape = {
  1: 'string',
  2: 'string',
  3: AUDIO_CONFIG,
  4: MOTION_CONFIG,
  5: PARTICIPANT,
  6: 'uint64',
  7: 'uint32',
};
const FRAME: Shape = {
  1: 'string',
  2: 'fixed64',
  3: 'uint64',
  4: 'uint64',
  // An enum without negative values.
  5: 'uint32',
  6: 'uint32',
  7: 'uint32',
  8: 'uint64',
  9: 'uint64',
  15: 'bytes',
};

/** Every occurrence of every known field, in order. */
class Fields {
  readonly #numbers = new Map<number, bigint[]>();
  readonly #bytes = new Map<number, Uint8Array[]>();

  add(field: number, value: bigint | Uint8Array): void {
    if (typeof value === 'bigint') append(this.#numbers, field, value);
    else append(this.#bytes, field, value);
  }

  has(field: number): boolean {
    return this.#numbers.has(field) || this.#bytes.has(field);
  }

  numbersOf(field: number): readonly bigint[] {
    return this.#numbers.get(field) ?? [];
  }

  bytesOf(field: number): readonly Uint8Array[] {
    return this.#bytes.get(field) ?? [];
  }

  textsOf(field: number): string[] {
    return this.bytesOf(field).map((bytes) => Buffer.from(bytes).toString('utf8'));
  }

  last(field: number): Uint8Array | undefined {
    return this.bytesOf(field).at(-1);
  }

  number(field: number): bigint {
    return this.numbersOf(field).at(-1) ?? 0n;
  }

  text(field: number): string {
    return this.textsOf(field).at(-1) ?? '';
  }
}

function append<T>(lists: Map<number, T[]>, field: number, value: T): void {
  const list = lists.get(field);
  if (list === undefined) lists.set(field, [value]);
  else list.push(value);
}

/**
 * Returns the known fields of a message, with each occurrence checked; a nested message stays
 * bytes. Throws DecodeError.
 */
function decodeFields(shape: Shape, bytes: Uint8Array): Fields {
  const fields = new Fields();
  for (const { field, value } of occurrences(bytes)) {
    const type = shape[field];
    if (type === undefined) continue;
    if (!isOfType(type, value)) throw new DecodeError(`field ${field} is of another type or out of range`);
    fields.add(field, value.content);
  }
  return fields;
}

/** A field's value, and its wire type. */
interface WireValue {
  wireType: number;
  content: bigint | Uint8Array;
}

function isOfType(type: FieldType, { wireType, content }: WireValue): boolean {
  if (type === 'uint32') return wireType === 0 && typeof content === 'bigint' && content < 1n << 32n;
  if (type === 'uint64') return wireType === 0;
  if (type === 'fixed64') return wireType === 1;
  if (wireType !== 2 || typeof content === 'bigint') return false;
  if (type === 'string') return Buffer.from(Buffer.from(content).toString('utf8'), 'utf8').equals(content);
  if (type !== 'bytes') decodeFields(type, content);
  return true;
}

/**
 * Yields the fields of an encoded message. Throws DecodeError if it ends early or breaks the
 * encoding.
 */
function* occurrences(bytes: Uint8Array): Iterable<{ field: number; value: WireValue }> {
  let at = 0;
  const take = (length: bigint): Uint8Array => {
    if (length > BigInt(bytes.length - at)) throw new DecodeError('the message ends within a field');
    const taken = bytes.subarray(at, at + Number(length));
    at += taken.length;
    return taken;
  };
  const varint = (bytesMax: number): bigint => {
    let value = 0n;
    for (let i = 0; i < bytesMax; i++) {
      const byte = bytes[at++];
      if (byte === undefined) throw new DecodeError('the message ends within a field');
      value |= BigInt(byte & 0x7f) << BigInt(7 * i);
      if (byte >= 0x80) continue;
      if (value >= 1n << 64n) throw new DecodeError('a varint has more than 64 bits');
      return value;
    }
    throw new DecodeError('a varint is too long');
  };
  const fixed = (length: bigint): bigint => take(length).reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
  const contentOf = (wireType: number): bigint | Uint8Array => {
    if (wireType === 0) return varint(10);
    if (wireType === 1) return fixed(8n);
    if (wireType === 2) return take(varint(10));
    if (wireType === 5) return fixed(4n);
    throw new DecodeError('a group, or a wire type that Protobuf does not have');
  };
  while (at < bytes.length) {
    const tag = Number(varint(5));
    const [field, wireType] = [Math.floor(tag / 8), tag % 8];
    if (field < 1 || field >= 2 ** 29) throw new DecodeError('a field number is out of range');
    yield { field, value: { wireType, content: contentOf(wireType) } };
  }
}
