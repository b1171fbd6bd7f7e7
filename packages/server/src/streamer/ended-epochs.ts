// Epochs that may not be resumed. In: each end. Out: whether a ticket's epoch has ended. Invariant:
// an entry is kept as long as a ticket of its epoch can be valid. At most ENDED_MAX entries are
// kept, the newest.
import { Timing } from '@hayate/protocol';

/** More than the moderators of a deployment end in an hour. */
const ENDED_MAX = 10_000;

/** Remembers ended epochs. Times are Unix milliseconds. */
export class EndedEpochs {
  /** When each epoch ended, by stream and epoch, oldest first. */
  readonly #endedAtMs = new Map<string, number>();

  /** Records the end of an epoch. */
  add(stream: string, epoch: bigint, nowMs: number): void {
    const key = keyOf(stream, epoch);
    this.#endedAtMs.delete(key);
    this.#endedAtMs.set(key, nowMs);
    for (const [oldest, atMs] of this.#endedAtMs) {
      if (this.#endedAtMs.size <= ENDED_MAX && nowMs - atMs <= Timing.ticketValidMs) return;
      this.#endedAtMs.delete(oldest);
    }
  }

  /** Whether the epoch has ended while a ticket of it may still be valid. */
  has(stream: string, epoch: bigint, nowMs: number): boolean {
    const atMs = this.#endedAtMs.get(keyOf(stream, epoch));
    return atMs !== undefined && nowMs - atMs <= Timing.ticketValidMs;
  }
}

const keyOf = (stream: string, epoch: bigint): string => `${stream}/${epoch}`;
