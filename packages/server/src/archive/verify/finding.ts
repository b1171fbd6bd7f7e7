// What the verifier says is wrong: where, what was expected by which rule, and what was found.

/** The rules of spec/archive.md, "Verification". */
export type Rule =
  | 'manifests'
  | 'objects'
  | 'content'
  | 'offsets'
  | 'exactly once'
  | 'state'
  | 'audio'
  | 'statistics'
  | 'hourly'
  | 'unnamed objects'
  | 'committed'
  | 'erasure';

/** One thing that is not as it should be. */
export interface Finding {
  rule: Rule;
  /** Of the object. */
  key: string;
  expected: string;
  found: string;
}

/** Takes findings. */
export type Report = (finding: Finding) => void;

/** What an error says, for `found`. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
