// Decodes an encoded Protobuf message, if every codec of every language reads it alike. Generated
// codecs differ on malformed input: some skip a field in the wrong wire type, some read it, some
// reject the message. Servers read the messages of broadcasters and viewers through this module, so
// an accepted payload means the same to all readers. Throws no error except WireError.
import { type DescField, type DescMessage, fromBinary, type MessageShape, ScalarType } from '@bufbuild/protobuf';
import { WireError } from './wire-error.ts';

const WireType = { VARINT: 0, FIXED64: 1, BYTES: 2, FIXED32: 5 } as const;

/**
 * The rule for a field's encoding: its wire type and, for varints, the bits that all codecs keep.
 */
interface FieldRule {
  readonly name: string;
  readonly wireType: number;
  readonly varint: 'any64' | 'unsigned32' | 'signed32' | 'boolean';
  /** A repeated number may also come packed (wire type 2). */
  readonly packable: boolean;
  readonly isText: boolean;
  readonly message: DescMessage | undefined;
}

/**
 * Decodes `bytes` as a message of `schema`. Throws WireError, with the place and the reason, for
 * input that codecs read differently or not at all: a known field in the wrong wire type, a number
 * beyond its type, a varint over 64 bits, text that is not UTF-8, groups, field numbers out of
 * range, lengths beyond the end. Skips unknown fields. The codec applies the usual rules to
 * repeated occurrences.
 */
export function readStrictly<Schema extends DescMessage>(schema: Schema, bytes: Uint8Array): MessageShape<Schema> {
  try {
    checkMessage(schema, bytes);
    return fromBinary(schema, bytes, { readUnknownFields: false });
  } catch (cause) {
    const reason = cause instanceof WireError ? `: ${cause.message}` : '';
    throw new WireError(`this is not a ${schema.name} message${reason}`, { cause });
  }
}

/** No message of the contract holds itself, so the schema bounds the depth. */
function checkMessage(schema: DescMessage, bytes: Uint8Array): void {
  const rules = rulesOf(schema);
  const cursor = cursorOf(bytes);
  while (cursor.at < bytes.length) {
    readVarint(cursor, 5);
    const number = cursor.low >>> 3;
    if (cursor.high !== 0 || number === 0) throw new WireError('a field number is out of range');
    const wireType = cursor.low & 7;
    const rule = rules.get(number);
    if (rule === undefined) skipValue(cursor, wireType);
    else if (wireType === rule.wireType) checkValue(cursor, rule);
    else if (wireType === WireType.BYTES && rule.packable) checkPacked(cursor, rule);
    else throw new WireError(`field ${rule.name} has the wrong wire type`);
  }
}

/** The position of the reader, and the last varint that it read, as two unsigned 32-bit halves. */
interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
  low: number;
  high: number;
}

function cursorOf(bytes: Uint8Array): Cursor {
  return { bytes, at: 0, low: 0, high: 0 };
}

function checkValue(cursor: Cursor, rule: FieldRule): void {
  if (rule.wireType === WireType.VARINT) {
    readVarint(cursor, 10);
    checkNumber(cursor, rule);
  } else if (rule.wireType === WireType.BYTES) {
    const content = readBytes(cursor);
    if (rule.message !== undefined) checkMessage(rule.message, content);
    else if (rule.isText) checkText(content, rule);
  } else skipValue(cursor, rule.wireType);
}

function checkPacked(cursor: Cursor, rule: FieldRule): void {
  const content = cursorOf(readBytes(cursor));
  while (content.at < content.bytes.length) checkValue(content, rule);
}

function checkNumber({ low, high }: Cursor, { name, varint }: FieldRule): void {
  if (!fits[varint](low, high)) throw new WireError(`field ${name} is out of range`);
}

/**
 * Whether all codecs keep the whole number. A negative int32 or enum value is sign-extended to 64
 * bits.
 */
const fits: Readonly<Record<FieldRule['varint'], (low: number, high: number) => boolean>> = {
  any64: () => true,
  unsigned32: (_, high) => high === 0,
  signed32: (low, high) => (low <= 0x7fff_ffff ? high === 0 : high === 0xffff_ffff),
  boolean: (low, high) => low <= 1 && high === 0,
};

const utf8 = new TextDecoder('utf-8', { fatal: true });

function checkText(content: Uint8Array, { name }: FieldRule): void {
  try {
    utf8.decode(content);
  } catch {
    throw new WireError(`field ${name} is not UTF-8`);
  }
}

function skipValue(cursor: Cursor, wireType: number): void {
  if (wireType === WireType.VARINT) readVarint(cursor, 10);
  else if (wireType === WireType.BYTES) readBytes(cursor);
  else if (wireType === WireType.FIXED64) advance(cursor, 8);
  else if (wireType === WireType.FIXED32) advance(cursor, 4);
  else throw new WireError('a wire type is a group or unknown');
}

/** Reads a varint of at most `sizeMax` bytes and 64 bits into `cursor.low` and `cursor.high`. */
function readVarint(cursor: Cursor, sizeMax: number): void {
  let [low, high] = [0, 0];
  for (let i = 0; i < sizeMax; i++) {
    const byte = cursor.bytes[cursor.at++];
    if (byte === undefined) throw new WireError('the message is cut short');
    const bits = byte & 0x7f;
    if (i < 4) low |= bits << (7 * i);
    else if (i === 4) {
      low |= bits << 28;
      high = bits >>> 4;
    } else high |= bits << (7 * i - 32);
    if (byte >= 128) continue;
    if (i === 9 && bits > 1) throw new WireError('a varint has more than 64 bits');
    cursor.low = low >>> 0;
    cursor.high = high >>> 0;
    return;
  }
  throw new WireError(`a varint is longer than ${sizeMax} bytes`);
}

function readBytes(cursor: Cursor): Uint8Array {
  readVarint(cursor, 10);
  if (cursor.high !== 0) throw new WireError('the message is cut short');
  const start = cursor.at;
  advance(cursor, cursor.low);
  return cursor.bytes.subarray(start, cursor.at);
}

function advance(cursor: Cursor, length: number): void {
  cursor.at += length;
  if (cursor.at > cursor.bytes.length) throw new WireError('the message is cut short');
}

const rulesBySchema = new WeakMap<DescMessage, ReadonlyMap<number, FieldRule>>();

function rulesOf(schema: DescMessage): ReadonlyMap<number, FieldRule> {
  const known = rulesBySchema.get(schema);
  if (known !== undefined) return known;
  const rules = new Map(schema.fields.map((field) => [field.number, ruleOf(field)]));
  rulesBySchema.set(schema, rules);
  return rules;
}

/** The wire types of https://protobuf.dev/programming-guides/encoding/#structure. */
function ruleOf(field: DescField): FieldRule {
  const rule = { name: field.name, varint: 'any64', packable: false, isText: false, message: undefined } as const;
  const repeated = field.fieldKind === 'list';
  if (field.fieldKind === 'map') throw new TypeError(`${field.name}: no client message has maps, so they are not supported`);
  if (field.message !== undefined) return { ...rule, wireType: WireType.BYTES, message: field.message };
  if (field.enum !== undefined) return { ...rule, wireType: WireType.VARINT, varint: 'signed32', packable: repeated };
  switch (field.scalar) {
    case ScalarType.STRING:
      return { ...rule, wireType: WireType.BYTES, isText: true };
    case ScalarType.BYTES:
      return { ...rule, wireType: WireType.BYTES };
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
    case ScalarType.DOUBLE:
      return { ...rule, wireType: WireType.FIXED64, packable: repeated };
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
    case ScalarType.FLOAT:
      return { ...rule, wireType: WireType.FIXED32, packable: repeated };
    case ScalarType.UINT32:
    case ScalarType.SINT32:
      return { ...rule, wireType: WireType.VARINT, varint: 'unsigned32', packable: repeated };
    case ScalarType.INT32:
      return { ...rule, wireType: WireType.VARINT, varint: 'signed32', packable: repeated };
    case ScalarType.BOOL:
      return { ...rule, wireType: WireType.VARINT, varint: 'boolean', packable: repeated };
    default:
      return { ...rule, wireType: WireType.VARINT, packable: repeated };
  }
}
