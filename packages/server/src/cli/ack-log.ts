// The broadcaster's own list of what it was promised: a JSON line for each acknowledgement, appended to a file. A line
// stands for every sequence of its epoch before `nextSequence`, without the ranges that lines up to it name as dropped.
import { closeSync, openSync, writeSync } from 'node:fs';
import type { Broadcaster, Unsubscribe } from '@hayate/client';
import { epochText } from '@hayate/protocol';

/** Writes what `broadcaster` is acknowledged until it is closed, or writing fails. */
export class AckLog {
  readonly #file: number;
  readonly #unsubscribe: Unsubscribe;

  /** Opens `path` to append; throws the system's error. An error of a later write goes to `onFailure`, once. */
  constructor(path: string, broadcaster: Broadcaster, onFailure: (error: unknown) => void) {
    this.#file = openSync(path, 'a');
    this.#unsubscribe = broadcaster.on('ack', ({ nextSequence, dropped }) => {
      const { epoch } = broadcaster;
      if (epoch === undefined) return;
      const line = { epoch: epochText(epoch), nextSequence, dropped: dropped.map(({ first, last }) => [first, last]) };
      try {
        writeSync(this.#file, `${JSON.stringify(line)}\n`);
      } catch (error) {
        this.#unsubscribe();
        onFailure(error);
      }
    });
  }

  close(): void {
    this.#unsubscribe();
    closeSync(this.#file);
  }
}
