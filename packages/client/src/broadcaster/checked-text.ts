// Titles, names and comments as people typed them in, cleaned text out. Nothing is cut: text that
// is too long is an error that states its length.
import { create } from '@bufbuild/protobuf';
import { cleanText, isAvatar, Limits, ParticipantSchema, type TextOptions, textFault } from '@hayate/protocol';
import { ClientError } from '../client-error.ts';
import type { EventInput } from './broadcaster-api.ts';

/**
 * `text`, cleaned (protocol, cleanText). Throws ClientError INVALID, with a message that begins
 * with `what`, if it is still too long.
 */
export function checkedText(what: string, text: string, unitsMax: number, options: TextOptions = {}): string {
  const clean = cleanText(text, options);
  const fault = textFault(clean, unitsMax, options);
  if (fault !== undefined) throw invalid(`${what} ${fault}.`);
  return clean;
}

/** Throws ClientError INVALID unless `avatar` is an avatar reference. */
export function checkAvatar(avatar: string): void {
  if (!isAvatar(avatar)) throw invalid('An avatar is an https:// address of at most 2008 characters, or empty.');
}

/**
 * `event` with its text cleaned; application-defined content is unchanged. Throws ClientError
 * INVALID for text that is too long.
 */
export function checkedEvent(event: EventInput): EventInput {
  const name = (what: string, text = '') => checkedText(what, text, Limits.nameCharactersMax);
  switch (event.case) {
    case 'comment': {
      const { author, text = '' } = event.value;
      const comment = checkedText('A comment', text, Limits.commentCharactersMax, { lines: true });
      return { ...event, value: { ...event.value, author: name('An author', author), text: comment } };
    }
    case 'gift': {
      const { author, item } = event.value;
      return { ...event, value: { ...event.value, author: name('An author', author), item: name("A gift's item", item) } };
    }
    case 'joined': {
      const { participant } = event.value;
      if (participant === undefined) return event;
      checkAvatar(participant.avatar ?? '');
      return {
        ...event,
        value: { ...event.value, participant: create(ParticipantSchema, { ...participant, name: name('A name', participant.name) }) },
      };
    }
    case 'costume':
      checkAvatar(event.value.avatar ?? '');
      return event;
    default:
      return event;
  }
}

/** The error for an argument that no server would accept. */
export function invalid(message: string): ClientError {
  return new ClientError('INVALID', message);
}
