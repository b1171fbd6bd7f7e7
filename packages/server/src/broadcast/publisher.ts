// The seam between a broadcast and the party that feeds it: a broadcaster's connection in the
// streamer, or a room in its own process. The publisher gives frames to a Publication, and the
// Publication tells it here what became of them.
import type { Ended } from '@hayate/protocol';

/** The reason for which a publisher may send no more: a close code of spec/wire.md. */
export type DismissalCode = 'SUPERSEDED' | 'STREAM_ENDED' | 'GOING_AWAY';

/** Feeds one Publication; a Publication has at most one publisher at a time. No call may throw. */
export interface Publisher {
  /** Every frame before `nextSequence` is durable or declared dropped. */
  acknowledge(nextSequence: number): void;
  /** The log refused frames: all from `fromSequence` on must be given again. */
  resend(fromSequence: number): void;
  /** The number of viewers has changed. */
  tellViewers(viewers: number): void;
  /** The end that this publisher declared is durable. Nothing follows. */
  finish(end: Ended): void;
  /** Another publisher has taken over, the broadcast was ended, or the process stops. */
  dismiss(code: DismissalCode): void;
}
