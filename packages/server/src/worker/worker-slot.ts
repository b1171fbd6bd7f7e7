// One place in a group of workers: a process in it, or, after that has ended, soon another. Processes that keep ending are
// replaced less and less often.
import cluster, { type Worker } from 'node:cluster';
import type { MetricObject } from '@prometheus-io/client';
import type { Context } from '../kernel/context.ts';
import { HayateError } from '../kernel/error.ts';
import type { GroupCalls, WorkerAddress, WorkerCalls, WorkerOrder } from './call.ts';
import { Channel, type ChannelEnd } from './channel.ts';

/** The first wait before a process is replaced; doubled each time, up to the last. */
const RESTART_MS_MIN = 250;
const RESTART_MS_MAX = 15_000;
/** A process that served for so long was a good one: waits begin anew. */
const HEALTHY_MS = 30_000;
/** Operators are not kept waiting for a process that hangs. */
const ANSWER_MS_MAX = 2_000;

export interface WorkerSlotOptions {
  context: Context;
  order: WorkerOrder;
  /** What the process may ask. */
  group: GroupCalls;
  /** A process that had started has ended by itself. */
  onEnd(): void;
}

type Ended = { readonly code: number | null; readonly signal: string | null };

/** A worker, through all its processes. */
export class WorkerSlot {
  readonly #options: WorkerSlotOptions;
  #worker: Worker | undefined;
  #channel: Channel<WorkerCalls, GroupCalls> | undefined;
  #ended: Promise<Ended> | undefined;
  #isUp = false;
  #leaving = false;
  #restarts = 0;
  #cancelRestart: () => void = () => undefined;

  constructor(options: WorkerSlotOptions) {
    this.#options = options;
  }

  get number(): number {
    return this.#options.order.number;
  }

  /** Whether its process listens. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** Starts the first process; resolves when it listens. Rejects if it cannot: it is not replaced then. */
  async start(): Promise<WorkerAddress> {
    const { context, order, group } = this.#options;
    const { promise, resolve } = Promise.withResolvers<Ended>();
    const worker = cluster.fork();
    this.#ended = promise;
    this.#worker = worker;
    worker.on('exit', (code: number | null, signal: string | null) => resolve({ code, signal }));
    worker.on('error', () => resolve({ code: null, signal: null }));
    const channel = new Channel<WorkerCalls, GroupCalls>(worker as ChannelEnd, group);
    this.#channel = channel;
    const address = await channel.call('start', order);
    this.#isUp = true;
    context.logger.info({ worker: this.number, pid: worker.process.pid }, 'a worker listens');
    const upSinceMs = context.clock.nowMs();
    void promise.then((ended) => this.#replace(ended, context.clock.nowMs() - upSinceMs));
    return address;
  }

  /** Why it is not ready. */
  async unready(): Promise<readonly string[]> {
    const reasons = this.#isUp && this.#channel !== undefined ? this.#channel.call('unready', undefined, ANSWER_MS_MAX) : ['not running'];
    const known = await Promise.resolve(reasons).catch(() => ['does not answer']);
    return known.map((reason) => `worker ${this.number}: ${reason}`);
  }

  /** What its process has counted; nothing if it does not answer. */
  async metrics(): Promise<MetricObject[]> {
    if (!this.#isUp || this.#channel === undefined) return [];
    return this.#channel.call('metrics', undefined, ANSWER_MS_MAX).catch(() => []);
  }

  /** Has its process look at the files that others replace. One that does not answer will when it is back. */
  async reload(): Promise<void> {
    if (this.#isUp) await this.#channel?.call('reload', undefined, ANSWER_MS_MAX).catch(() => undefined);
  }

  /** Drains its process, if there is one, and waits until it has ended. Rejects with CLOSED if it had to be killed. */
  async drain(timeoutMs: number): Promise<void> {
    this.#leaving = true;
    this.#cancelRestart();
    if (!this.#isUp) return this.kill();
    const cancel = this.#options.context.clock.after(timeoutMs, () => this.#worker?.process.kill('SIGKILL'));
    await this.#channel?.call('drain', undefined).catch(() => undefined);
    const { code } = (await this.#ended) ?? { code: 0 };
    cancel();
    if (code !== 0) throw new HayateError('CLOSED', `worker ${this.number} did not drain in time`);
  }

  /** Ends its process at once. */
  async kill(): Promise<void> {
    this.#leaving = true;
    this.#cancelRestart();
    this.#worker?.process.kill('SIGKILL');
    await this.#ended;
  }

  #replace({ code, signal }: Ended, servedMs: number): void {
    this.#isUp = false;
    if (this.#leaving) return;
    this.#options.onEnd();
    if (servedMs > HEALTHY_MS) this.#restarts = 0;
    this.#restartSoon(`it ended (${signal ?? `exit code ${code}`})`);
  }

  #restartSoon(why: string): void {
    const { logger, clock } = this.#options.context;
    const restartMs = Math.min(RESTART_MS_MAX, RESTART_MS_MIN * 2 ** this.#restarts++);
    logger.warn({ worker: this.number, restartMs }, `a worker is replaced: ${why}`);
    this.#cancelRestart = clock.after(restartMs, () => {
      this.start().catch(async (error: unknown) => {
        this.#worker?.process.kill('SIGKILL');
        await this.#ended;
        if (!this.#leaving) this.#restartSoon(error instanceof Error ? error.message : String(error));
      });
    });
  }
}
