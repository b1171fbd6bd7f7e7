// The border: what a broadcaster sends is checked here once, so that no later hop has to. Headers of all frames; payloads
// of HEADER and AUDIO, which servers read (listing, archive). MOTION, EVENT and GAME payloads are for clients alone.
import {
  AudioSchema,
  type FrameHeader,
  framePayload,
  isAvatar,
  Kind,
  Limits,
  opusPacketSamples,
  type Participant,
  peekFrame,
  readStrictly,
  type StreamHeader,
  StreamHeaderSchema,
  textFault,
  WireError,
} from '@hayate/protocol';
import { HayateError } from '../kernel/error.ts';

/** What a connection's frames must agree with. */
export interface FrameExpectation {
  stream: string;
  epoch: bigint;
  frameBytesMax: number;
  /** Sequences below this are plausible. */
  sequenceEnd: number;
}

/** A frame that passed. */
export interface CheckedFrame {
  header: FrameHeader;
  /** Of HEADER frames. */
  streamHeader: StreamHeader | undefined;
}

/** Checks one frame. Throws WireError or HayateError with the close code that spec/wire.md names. */
export function checkFrame(frame: Uint8Array, expected: FrameExpectation): CheckedFrame {
  if (frame.length > expected.frameBytesMax)
    throw new HayateError('BAD_REQUEST', `a frame holds more than ${expected.frameBytesMax} bytes`, { closeCode: 'FRAME_TOO_BIG' });
  const header = peekFrame(frame);
  if (header.stream !== expected.stream || header.epoch !== expected.epoch)
    throw new HayateError('BAD_REQUEST', 'a frame is of another stream or epoch', { closeCode: 'WRONG_STREAM' });
  if (header.sequence >= expected.sequenceEnd)
    throw new HayateError('BAD_REQUEST', 'a sequence jumps too far ahead', { closeCode: 'SEQUENCE_INVALID' });
  if (header.sequence === 0 && header.kind !== Kind.HEADER) throw new WireError('the first frame of an epoch is a HEADER');
  if (header.participant >= Limits.participantsMax)
    throw new WireError(`a participant is numbered from 0 to ${Limits.participantsMax - 1}`);
  const payload = framePayload(frame, header);
  if (header.kind === Kind.AUDIO) checkAudio(payload);
  return { header, streamHeader: header.kind === Kind.HEADER ? checkStreamHeader(payload) : undefined };
}

function checkAudio(payload: Uint8Array): void {
  const { packets, level } = readStrictly(AudioSchema, payload);
  if (packets.length === 0 || packets.length > Limits.audioPacketsMax)
    throw new WireError(`an AUDIO frame holds 1 to ${Limits.audioPacketsMax} packets`);
  for (const packet of packets) opusPacketSamples(packet);
  if (level !== undefined && level > 127) throw new WireError('a level is above 127');
}

function checkStreamHeader(payload: Uint8Array): StreamHeader {
  const header = readStrictly(StreamHeaderSchema, payload);
  checkText('the title', header.title, Limits.titleCharactersMax);
  checkAvatar(header.avatar);
  if (header.audio !== undefined && (header.audio.codec !== 'opus' || header.audio.channels < 1 || header.audio.channels > 2))
    throw new WireError('audio is Opus with 1 or 2 channels');
  if (header.audio !== undefined && header.audio.preSkip > 65_535) throw new WireError('pre-skip is above 65535');
  if (header.motion !== undefined && header.motion.keyIntervalMs > Limits.keyIntervalMsMax)
    throw new WireError(`the key interval is above ${Limits.keyIntervalMsMax} ms`);
  checkParticipants(header.participants);
  return header;
}

/** Participant 0 is the broadcaster, whom the HEADER itself describes. */
function checkParticipants(participants: readonly Participant[]): void {
  if (participants.length >= Limits.participantsMax) throw new WireError('too many participants');
  const numbers = new Set<number>();
  for (const { number, name, avatar } of participants) {
    if (number < 1 || number >= Limits.participantsMax || numbers.has(number))
      throw new WireError(`participants are numbered from 1 to ${Limits.participantsMax - 1}, each differently`);
    numbers.add(number);
    checkText('the name of a participant', name, Limits.nameCharactersMax);
    checkAvatar(avatar);
  }
}

function checkText(what: string, text: string, unitsMax: number): void {
  const fault = textFault(text, unitsMax);
  if (fault !== undefined) throw new WireError(`${what} ${fault}`);
}

function checkAvatar(avatar: string): void {
  if (!isAvatar(avatar)) throw new WireError('an avatar is an https URL or empty');
}
