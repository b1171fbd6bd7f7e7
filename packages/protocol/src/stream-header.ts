// Reads the payload of a HEADER that an untrusted client wrote: bytes in, a StreamHeader out whose
// every field keeps the contract. Servers list and archive an accepted header unchanged.
import { isAvatar } from './avatar.ts';
import { type Participant, type StreamHeader, StreamHeaderSchema } from './gen/hayate/v1/payload_pb.ts';
import { Limits } from './limits.ts';
import { readStrictly } from './strict-message.ts';
import { textFault } from './text.ts';
import { WireError } from './wire-error.ts';

/**
 * Reads the payload of a HEADER. Throws WireError, whose message names the field, if the payload
 * breaks a rule of spec/wire.md, "HEADER".
 */
export function checkStreamHeader(payload: Uint8Array): StreamHeader {
  const header = readStrictly(StreamHeaderSchema, payload);
  checkText('the title', header.title, Limits.titleCharactersMax);
  checkAvatar(header.avatar);
  if (header.audio !== undefined && (header.audio.codec !== 'opus' || header.audio.channels < 1 || header.audio.channels > 2))
    throw new WireError('audio must be Opus with 1 or 2 channels');
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
      throw new WireError(`participants must have different numbers from 1 to ${Limits.participantsMax - 1}`);
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
  if (!isAvatar(avatar)) throw new WireError('an avatar must be an https URL or empty');
}
