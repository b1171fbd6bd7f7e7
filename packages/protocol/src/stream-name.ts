// Stream names become channel names, log keys and path segments, so their alphabet is closed.

/** A stream name: 1 to 64 of A-Z a-z 0-9 _ -. */
export const STREAM_NAME_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;

/** Whether `name` may name a stream. */
export function isStreamName(name: string): boolean {
  return STREAM_NAME_PATTERN.test(name);
}
