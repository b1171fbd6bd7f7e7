// The log of a simulated streamer. An append becomes durable a few milliseconds later, in order, or
// is refused while the disk is full. Durable entries outlive the process; the others are lost with
// it.
import { fromBinary } from '@bufbuild/protobuf';
import { peekFrame } from '@hayate/protocol';
import { RecordSchema } from '@hayate/protocol/server';
import { type Log, LogRefusedError } from '../../packages/server/src/log/log.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import { Phase, type VirtualTime } from './virtual-time.ts';

/** The content of all logs of a world: encoded frames by stream and epoch, then by sequence. */
export type DurableFrames = Map<string, Map<number, Uint8Array>>;

/** The log of one process. */
export class SimulatedLog implements Log {
  readonly id = 'simulated';
  readonly partitionCount = 1;
  readonly embedded = true;
  /** Whether appends are refused. */
  full = false;
  readonly #parts: { time: VirtualTime; random: SeededRandom; process: SimulatedProcess; durable: DurableFrames };
  #lastMs = 0;
  #offset = 0;

  constructor(parts: { time: VirtualTime; random: SeededRandom; process: SimulatedProcess; durable: DurableFrames }) {
    this.#parts = parts;
  }

  append(_key: string, value: Uint8Array): Promise<{ partition: number; offset: number }> {
    if (this.full) return Promise.reject(new LogRefusedError('full', 'the simulated disk is full'));
    const { time, random, process } = this.#parts;
    const { promise, resolve } = Promise.withResolvers<{ partition: number; offset: number }>();
    this.#lastMs = Math.max(this.#lastMs, time.nowMs + random.between(0.5, 8));
    time.at(this.#lastMs, Phase.arrival, () => {
      if (!process.alive) return;
      this.#keep(value);
      process.deliver(() => resolve({ partition: 0, offset: this.#offset++ }));
    });
    return promise;
  }

  writable(): boolean {
    return !this.full;
  }

  consume(): Promise<never> {
    return Promise.reject(new Error('the simulated log cannot be read'));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #keep(value: Uint8Array): void {
    const { body } = fromBinary(RecordSchema, value);
    if (body.case !== 'batch') return;
    for (const { frame } of body.value.frames) {
      const { stream, epoch, sequence } = peekFrame(frame);
      const key = `${stream}/${epoch}`;
      const frames = this.#parts.durable.get(key) ?? new Map<number, Uint8Array>();
      this.#parts.durable.set(key, frames);
      if (!frames.has(sequence)) frames.set(sequence, frame);
    }
  }
}
