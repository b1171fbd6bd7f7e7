// A finding of the verifier: the object, the rule, and the expected and found values.

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

/** One deviation from the rules. */
export interface Finding {
  rule: Rule;
  /** Key of the object. */
  key: string;
  expected: string;
  found: string;
}

/** Receives findings. */
export type Report = (finding: Finding) => void;

/** The text of an error, for `found`. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
