// Decoded headers and events in, the same with clean text out. No server inspects events, and an
// archive may hold headers from before servers checked them. With clean text, an application's page
// stays intact: the text cannot change the direction of its surroundings or leave its line.
import { cleanText, type Event, Limits, type Participant, type StreamHeader, truncateText } from '@hayate/protocol';

/** Cleans the title and names of `header` in place and cuts them to their limits. */
export function cleanHeader(header: StreamHeader): StreamHeader {
  header.title = truncateText(cleanText(header.title), Limits.titleCharactersMax);
  for (const participant of header.participants) cleanParticipant(participant);
  return header;
}

/**
 * Cleans the authors, items, names and comments of `event` in place and cuts them to their limits.
 * Application-defined content is unchanged.
 */
export function cleanEvent(event: Event): Event {
  const { body } = event;
  if (body.case === 'comment' || body.case === 'gift') body.value.author = cleanName(body.value.author);
  if (body.case === 'comment') body.value.text = truncateText(cleanText(body.value.text, { lines: true }), Limits.commentCharactersMax);
  if (body.case === 'gift') body.value.item = cleanName(body.value.item);
  if (body.case === 'joined' && body.value.participant !== undefined) cleanParticipant(body.value.participant);
  return event;
}

function cleanParticipant(participant: Participant): void {
  participant.name = cleanName(participant.name);
}

function cleanName(text: string): string {
  return truncateText(cleanText(text), Limits.nameCharactersMax);
}
