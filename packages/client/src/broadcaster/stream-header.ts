// Checks and encodes a broadcast's description, and decides when a better clock estimate justifies
// a new HEADER.
import { create, toBinary } from '@bufbuild/protobuf';
import { Limits, StreamHeaderSchema } from '@hayate/protocol';
import type { ClockOffset } from '../connection/clock-estimate.ts';
import type { ParticipantInfo, StreamDescription } from './broadcaster-api.ts';
import { checkAvatar, checkedText, invalid } from './checked-text.ts';

/** Server wall-clock time of the epoch's capture 0, Unix microseconds, and its largest error. */
export interface Origin {
  unixUs: number;
  errorUs: number;
}

/**
 * `description` with its title and names cleaned (protocol, cleanText). Throws ClientError INVALID
 * if a server would still refuse it.
 */
export function checkedDescription(description: StreamDescription): StreamDescription {
  const { avatar, audio, motionRate } = description;
  const title = checkedText('A title', description.title, Limits.titleCharactersMax);
  const participants = description.participants.map((participant) => checkedParticipant(participant));
  checkAvatar(avatar);
  if (new Set(participants.map(({ number }) => number)).size < participants.length) throw invalid('Two participants have the same number.');
  if (audio !== undefined && audio.channels !== 1 && audio.channels !== 2) throw invalid('Audio must have 1 or 2 channels.');
  if (audio !== undefined && !(Number.isInteger(audio.preSkip) && audio.preSkip >= 0 && audio.preSkip <= 65_535))
    throw invalid('Pre-skip must be 0 to 65535 samples.');
  if (!(Number.isInteger(motionRate) && motionRate >= 0 && motionRate <= 1_000))
    throw invalid('A motion rate must be 0 to 1000 poses a second.');
  return { ...description, title, participants };
}

function checkedParticipant({ number, name, avatar }: ParticipantInfo): ParticipantInfo {
  if (!(Number.isInteger(number) && number >= 1 && number < Limits.participantsMax))
    throw invalid(`A participant's number must be 1 to ${Limits.participantsMax - 1}.`);
  checkAvatar(avatar);
  return { number, name: checkedText('A name', name, Limits.nameCharactersMax), avatar };
}

/** The payload of a HEADER frame. */
export function encodeStreamHeader(description: StreamDescription, origin: Origin): Uint8Array {
  const { title, avatar, participants, audio, motionRate } = description;
  return toBinary(
    StreamHeaderSchema,
    create(StreamHeaderSchema, {
      title,
      avatar,
      participants: participants.map(({ number, name, avatar }) => ({ number, name, avatar })),
      ...(audio === undefined ? {} : { audio: { codec: 'opus', ...audio } }),
      motion: { rate: motionRate, keyIntervalMs: Limits.keyIntervalMsMax },
      originUnixUs: BigInt(Math.max(0, Math.round(origin.unixUs))),
      originErrorUs: Math.min(2 ** 32 - 1, Math.round(origin.errorUs)),
    }),
  );
}

/** The origin of an epoch that began at `beganMs` of the local clock. */
export function originOf(offset: ClockOffset, beganMs: number): Origin {
  return { unixUs: offset.offsetUs + beganMs * 1000, errorUs: offset.errorUs };
}

/**
 * Whether viewers should get `estimate`: its error is less than half of the announced one and
 * smaller by a millisecond, or it contradicts `announced`.
 */
export function improves(estimate: Origin, announced: Origin): boolean {
  return (
    (estimate.errorUs < announced.errorUs / 2 && announced.errorUs - estimate.errorUs > 1_000) ||
    Math.abs(estimate.unixUs - announced.unixUs) > announced.errorUs + estimate.errorUs + 5_000
  );
}
