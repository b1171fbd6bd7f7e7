// What a broadcast says of itself, checked before it is sent, and when its clock estimate has improved enough to say so again.
import { create, toBinary } from '@bufbuild/protobuf';
import { Limits, StreamHeaderSchema } from '@hayate/protocol';
import { ClientError } from '../client-error.ts';
import type { ClockOffset } from '../connection/clock-estimate.ts';
import type { StreamDescription } from './broadcaster-api.ts';

/** Server wall-clock time of the epoch's capture 0, Unix microseconds, and its largest error. */
export interface Origin {
  unixUs: number;
  errorUs: number;
}

/** Throws ClientError INVALID if a server would refuse the description. */
export function checkDescription({ title, avatar, participants, audio, motionRate }: StreamDescription): void {
  const invalid = (message: string) => new ClientError('INVALID', message);
  if (title.length > Limits.titleCharactersMax) throw invalid(`A title has at most ${Limits.titleCharactersMax} characters.`);
  for (const reference of [avatar, ...participants.map((participant) => participant.avatar)])
    if (reference !== '' && !/^https:\/\/\S{1,2000}$/.test(reference)) throw invalid('An avatar is an https:// address, or empty.');
  if (participants.length >= Limits.participantsMax) throw invalid(`A stream has at most ${Limits.participantsMax} participants.`);
  if (audio !== undefined && audio.channels !== 1 && audio.channels !== 2) throw invalid('Audio has 1 or 2 channels.');
  if (audio !== undefined && !(Number.isInteger(audio.preSkip) && audio.preSkip >= 0 && audio.preSkip <= 65_535))
    throw invalid('Pre-skip is 0 to 65535 samples.');
  if (!(Number.isInteger(motionRate) && motionRate >= 0 && motionRate <= 1_000))
    throw invalid('A motion rate is 0 to 1000 poses a second.');
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

/** Whether viewers should hear of `better`: its error is less than half and by a millisecond, or it contradicts what was said. */
export function improves(better: Origin, said: Origin): boolean {
  return (
    (better.errorUs < said.errorUs / 2 && said.errorUs - better.errorUs > 1_000) ||
    Math.abs(better.unixUs - said.unixUs) > said.errorUs + better.errorUs + 5_000
  );
}
