// An object that a cut has decided on but not encoded: its bytes are made when it is their turn to be stored, and dropped then.
import type { HourlyOutput } from '../archive/path.ts';

/** What objects are counted by. */
export type Output = HourlyOutput | 'audio';

/** An object to write. `encode` gives the same bytes whenever it is called. */
export interface PlannedObject {
  key: string;
  output: Output;
  encode(): Promise<{ bytes: Uint8Array; digest: string }>;
}
