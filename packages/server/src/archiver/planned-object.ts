// An object that a cut has decided on but not encoded: its bytes are made when it is their turn to be stored, and dropped then.
import type { HourlyOutput } from '../archive/path.ts';

/** What objects are counted by. */
export type Output = HourlyOutput | 'audio';

/** An object to write. */
export interface PlannedObject {
  readonly key: string;
  readonly output: Output;
  /** About how much memory encoding it takes, beyond what its content takes already. */
  readonly bytes: number;
  /** Gives the same bytes whenever it is called. */
  encode(): Promise<{ bytes: Uint8Array; digest: string }>;
  /** Gives the content's memory back, once the object is stored: it cannot be encoded any more. */
  release?(): void;
}
