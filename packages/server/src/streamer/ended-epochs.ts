// Epochs that nobody may resume. In: each end; out: whether a ticket's epoch is one of them. Invariant: an entry is kept for as
// long as a ticket of its epoch can be valid, and at most ENDED_MAX of them are, the newest.
import { Timing } from '@hayate/protocol';

/** More than a deployment's moderators end in an hour. */
const ENDED_MAX = 10_000;

/** Remembers ended epochs. Times are Unix milliseconds. */
export class EndedEpochs {
  /** When each ended, by stream and epoch, oldest first. */
  readonly #endedAtMs = new Map<string, number>();

  /** The epoch has ended. */
  add(stream: string, epoch: bigint, nowMs: number): void {
    const key = keyOf(stream, epoch);
    this.#endedAtMs.delete(key);
    this.#endedAtMs.set(key, nowMs);
    for (const [oldest, atMs] of this.#endedAtMs) {
      if (this.#endedAtMs.size <= ENDED_MAX && nowMs - atMs <= Timing.ticketValidMs) return;
      this.#endedAtMs.delete(oldest);
    }
  }

  /** Whether the epoch has ended, and a ticket of it may still be valid. */
  has(stream: string, epoch: bigint, nowMs: number): boolean {
    const atMs = this.#endedAtMs.get(keyOf(stream, epoch));
    return atMs !== undefined && nowMs - atMs <= Timing.ticketValidMs;
  }
}

const keyOf = (stream: string, epoch: bigint): string => `${stream}/${epoch}`;
