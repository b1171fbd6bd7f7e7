// Why a microphone cannot be used, in one sentence for people. Source of the names: Media Capture
// and Streams, section "getUserMedia()".
import { ClientError } from '../client-error.ts';

const SENTENCES: Readonly<Record<string, string>> = {
  NotAllowedError: 'The browser does not allow the microphone: allow it in the address bar and try again.',
  NotFoundError: 'No microphone was found: connect one and try again.',
  NotReadableError: 'The microphone gives no sound: another program may be using it.',
  OverconstrainedError: 'The chosen microphone is no longer available: choose another.',
  SecurityError: 'This page may not use the microphone: open it over https:// or on localhost.',
  AbortError: 'The microphone could not be started: try again.',
};

/** Turns a rejection of getUserMedia into a DEVICE error. */
export function microphoneError(cause: unknown): ClientError {
  const name = cause instanceof DOMException ? cause.name : '';
  return new ClientError('DEVICE', SENTENCES[name] ?? 'The microphone could not be started.', { cause });
}
