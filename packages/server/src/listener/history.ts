// The last seconds of a stream, for viewers who come back: frames in order, bounded by time and number.
import { isDroppable } from '@hayate/protocol';
import type { QueuedFrame } from './viewer-queue.ts';

/** A returning viewer is given so much again. */
export const HISTORY_MS = 2_000;
export const HISTORY_EVENTS_MAX = 256;

/** Whatever a broadcaster sends, no more frames than this are kept. */
const HISTORY_FRAMES_MAX = 4_096;

/** Frames of one epoch, the newest 2 s and up to 256 events. */
export class History {
  readonly #frames: QueuedFrame[] = [];
  #events = 0;

  push(frame: QueuedFrame): void {
    this.#frames.push(frame);
    if (!isDroppable(frame.header.kind)) this.#events++;
    for (let oldest = this.#frames[0]; oldest !== undefined && this.#exceeds(oldest, frame); oldest = this.#frames[0]) {
      this.#frames.shift();
      if (!isDroppable(oldest.header.kind)) this.#events--;
    }
  }

  /** The frames from `sequence` on if the history reaches back so far without a hole at its start, else undefined. */
  since(sequence: number): readonly QueuedFrame[] | undefined {
    const index = this.#frames.findIndex(({ header }) => header.sequence >= sequence);
    if (index === -1) return undefined;
    return index > 0 || this.#frames[0]?.header.sequence === sequence ? this.#frames.slice(index) : undefined;
  }

  #exceeds(oldest: QueuedFrame, newest: QueuedFrame): boolean {
    return (
      newest.receivedUnixUs - oldest.receivedUnixUs > HISTORY_MS * 1_000 ||
      this.#frames.length > HISTORY_FRAMES_MAX ||
      this.#events > HISTORY_EVENTS_MAX
    );
  }
}
