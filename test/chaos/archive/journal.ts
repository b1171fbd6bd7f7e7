// The record of one broadcaster, written by its own process. It has a line of JSON for each frame
// before it is first sent, for each range declared dropped, and for each acknowledgement received.
// It is taken from the bytes on the WebSocket, not from the SDK: it is the oracle for the archive.
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';

/** Epochs are 16 hexadecimal digits. */
type JournalLine =
  | { readonly sent: number; readonly epoch: string; readonly digest: string }
  /** Both ends included. */
  | { readonly dropped: readonly [first: number, last: number]; readonly epoch: string }
  /** Acknowledges every frame before it, except ranges declared dropped by then. */
  | { readonly acked: number; readonly epoch: string }
  /** The broadcaster was told that its epoch is over, and how many frames it has. */
  | { readonly ended: number; readonly epoch: string };

/** Identifies a frame in a journal: SHA-256 of its bytes, in hex. */
function frameDigest(frame: Uint8Array): string {
  return createHash('sha256').update(frame).digest('hex');
}

/** Writes a journal. A line is in the file when the method returns. */
export class JournalWriter {
  readonly #file: number;
  readonly #sent = new Map<string, string>();

  constructor(path: string) {
    this.#file = openSync(path, 'a');
  }

  /** Records a frame about to be sent. Throws if its sequence was used for other bytes. */
  sent(epoch: string, sequence: number, frame: Uint8Array): void {
    const digest = frameDigest(frame);
    const known = this.#sent.get(`${epoch}/${sequence}`);
    if (known === digest) return;
    if (known !== undefined) throw new Error(`sequence ${sequence} of ${epoch} is used for two different frames`);
    this.#sent.set(`${epoch}/${sequence}`, digest);
    this.#write({ sent: sequence, epoch, digest });
  }

  dropped(epoch: string, first: number, last: number): void {
    this.#write({ dropped: [first, last], epoch });
  }

  acked(epoch: string, nextSequence: number): void {
    this.#write({ acked: nextSequence, epoch });
  }

  ended(epoch: string, nextSequence: number): void {
    this.#write({ ended: nextSequence, epoch });
  }

  #write(line: JournalLine): void {
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
  }
}

/** One epoch as its broadcaster knows it. */
export interface JournalEpoch {
  readonly epoch: string;
  /** Digest of every frame that was sent at least once, by sequence. */
  readonly sent: Map<number, string>;
  /**
   * Sequences that an acknowledgement covered and that were not declared dropped when it arrived.
   */
  readonly promised: Set<number>;
  readonly dropped: Set<number>;
  /** The highest acknowledgement. */
  acked: number;
  /** Number of frames in the epoch, once the broadcaster was told that it is over. */
  ended: number | undefined;
}

/** Reads a journal while it grows. */
export class JournalReader {
  readonly #path: string;
  readonly #epochs = new Map<string, JournalEpoch>();
  #file: number | undefined;
  #rest = '';
  #acknowledgements = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** Its epochs so far, in the order in which they began. */
  epochs(): readonly JournalEpoch[] {
    this.#read();
    return [...this.#epochs.values()];
  }

  /** Acknowledgements so far. */
  acknowledgements(): number {
    this.#read();
    return this.#acknowledgements;
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #read(): void {
    try {
      this.#file ??= openSync(this.#path, 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    const buffer = Buffer.alloc(65_536);
    // The text is ASCII, so no character can be cut in two.
    for (let bytes = readSync(this.#file, buffer); bytes > 0; bytes = readSync(this.#file, buffer)) {
      const lines = (this.#rest + buffer.toString('latin1', 0, bytes)).split('\n');
      this.#rest = lines.pop() ?? '';
      for (const line of lines) this.#take(JSON.parse(line));
    }
  }

  #take(line: JournalLine): void {
    const epoch = this.#epoch(line.epoch);
    if ('sent' in line) epoch.sent.set(line.sent, line.digest);
    else if ('dropped' in line) for (let sequence = line.dropped[0]; sequence <= line.dropped[1]; sequence++) epoch.dropped.add(sequence);
    else if ('ended' in line) epoch.ended = line.ended;
    else {
      this.#acknowledgements++;
      for (; epoch.acked < line.acked; epoch.acked++) if (!epoch.dropped.has(epoch.acked)) epoch.promised.add(epoch.acked);
    }
  }

  #epoch(name: string): JournalEpoch {
    const known = this.#epochs.get(name);
    if (known !== undefined) return known;
    const begun: JournalEpoch = { epoch: name, sent: new Map(), promised: new Set(), dropped: new Set(), acked: 0, ended: undefined };
    this.#epochs.set(name, begun);
    return begun;
  }
}
