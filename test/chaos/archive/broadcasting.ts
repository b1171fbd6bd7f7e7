// One broadcaster in its own process, under a test's control. In: the URL and stream to broadcast
// to. Out: its journal, and its end.
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { cleanUp } from '../../support/clean-up.ts';
import { startProcess, type TestProcess } from '../../support/process.ts';
import type { BroadcasterSettings } from './broadcaster-main.ts';
import { COMPILED } from './compiled.ts';
import { JournalReader } from './journal.ts';

/** Identifies a frame of one stream. */
interface FramePlace {
  readonly epoch: string;
  readonly sequence: number;
}

/** A broadcaster. */
export class Broadcasting {
  readonly stream: string;
  readonly process: TestProcess;
  readonly journal: JournalReader;
  #ended = false;

  constructor(t: TestContext, settings: BroadcasterSettings) {
    this.stream = settings.stream;
    const program = join(import.meta.dirname, 'broadcaster-main.ts');
    this.process = startProcess(t, [program, JSON.stringify(settings)], { env: COMPILED });
    this.journal = new JournalReader(settings.journal);
    cleanUp(t, () => this.journal.close());
    void this.process.exit.then(() => {
      this.#ended = true;
    });
  }

  /** Whether its process has ended. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether it was told that another device now broadcasts its stream. */
  get superseded(): boolean {
    return this.process.stdout.includes('superseded');
  }

  /** Whether it has stopped trying for another reason. */
  get failed(): boolean {
    return this.process.stdout.some((line) => /^(failed:|not everything)/.test(line));
  }

  /** How often its connection broke or could not be made. */
  get losses(): number {
    return this.process.stdout.filter((line) => line.startsWith('reconnecting')).length;
  }

  /** Frames that it has sent, each counted once. */
  get framesSent(): number {
    return this.journal.epochs().reduce((sum, { sent }) => sum + sent.size, 0);
  }

  /** Whether it is connected. */
  get live(): boolean {
    const states = /^(live|reconnecting|connecting|failed|ended) /;
    return this.process.stdout.findLast((line) => states.test(line))?.startsWith('live') ?? false;
  }

  /** The newest frame that it has sent. */
  newest(): FramePlace {
    const epoch = this.journal.epochs().at(-1);
    return { epoch: epoch?.epoch ?? '', sequence: epoch === undefined ? -1 : Math.max(-1, ...epoch.sent.keys()) };
  }

  /**
   * Whether a frame is settled: it is acknowledged, or its epoch could not be resumed and a later
   * epoch exists.
   */
  hasSettled({ epoch, sequence }: FramePlace): boolean {
    const newest = this.journal.epochs().at(-1);
    if (newest === undefined) return false;
    return newest.epoch === epoch ? newest.acked > sequence : newest.acked > 0;
  }

  /** Sends it a command: see broadcaster-main.ts. */
  command(line: string): void {
    this.process.stdin.write(`${line}\n`);
  }
}
