// Decoded headers and events in, the same with clean text out: no server looks into events, and an archive may hold headers from
// before servers checked theirs. What an application shows can neither turn the text around it nor reach beyond its line.
import { cleanText, type Event, Limits, type Participant, type StreamHeader, truncateText } from '@hayate/protocol';

/** `header` itself, its title and names clean and within their limits. */
export function cleanHeader(header: StreamHeader): StreamHeader {
  header.title = truncateText(cleanText(header.title), Limits.titleCharactersMax);
  for (const participant of header.participants) cleanName(participant);
  return header;
}

/** `event` itself, its authors, items, names and comments clean and within their limits. What is the application's stays as it is. */
export function cleanEvent(event: Event): Event {
  const { body } = event;
  if (body.case === 'comment' || body.case === 'gift') body.value.author = name(body.value.author);
  if (body.case === 'comment') body.value.text = truncateText(cleanText(body.value.text, { lines: true }), Limits.commentCharactersMax);
  if (body.case === 'gift') body.value.item = name(body.value.item);
  if (body.case === 'joined' && body.value.participant !== undefined) cleanName(body.value.participant);
  return event;
}

function cleanName(participant: Participant): void {
  participant.name = name(participant.name);
}

function name(text: string): string {
  return truncateText(cleanText(text), Limits.nameCharactersMax);
}
