// The rights that a token grants on streams, by name or by prefix. In: grants, a right and a
// stream. Out: yes or no.

/** Rights that a token can grant. Each has its own list of stream patterns. */
export const Rights = ['publish', 'watch', 'room', 'moderate'] as const;
export type Right = (typeof Rights)[number];

/**
 * Stream patterns by right. A pattern is a stream name, or a prefix (which may be empty) followed
 * by `*`.
 */
export type Grants = Partial<Record<Right, readonly string[]>>;

const PATTERN = /^(?:[A-Za-z0-9_-]{1,64}|[A-Za-z0-9_-]{0,63}\*)$/;

/** Whether `pattern` is well formed. */
export function isStreamPattern(pattern: string): boolean {
  return PATTERN.test(pattern);
}

/** Whether `grants` give `right` on `stream`. */
export function allows(grants: Grants, right: Right, stream: string): boolean {
  return (grants[right] ?? []).some((pattern) => (pattern.endsWith('*') ? stream.startsWith(pattern.slice(0, -1)) : stream === pattern));
}

/** Whether `grants` give `right` on every stream. */
export function allowsAll(grants: Grants, right: Right): boolean {
  return (grants[right] ?? []).includes('*');
}
