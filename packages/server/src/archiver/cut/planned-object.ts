// An object that a cut has planned but not encoded. Its bytes are made when it is its turn to be
// stored, and dropped afterwards.
import type { HourlyOutput } from '../../archive/layout/path.ts';

/** The label by which objects are counted. */
export type Output = HourlyOutput | 'audio';

/** An object to write. */
export interface PlannedObject {
  readonly key: string;
  readonly output: Output;
  /** Approximate memory that encoding takes, in addition to its content. */
  readonly bytes: number;
  /** Returns the same bytes at every call. */
  encode(): Promise<{ bytes: Uint8Array; digest: string }>;
  /** Releases the content's memory once the object is stored. It cannot be encoded after that. */
  release?(): void;
}
