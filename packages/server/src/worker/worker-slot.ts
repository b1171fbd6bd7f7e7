// One place in a group of workers. It holds a process; when that ends, another follows. The more
// often processes end, the longer the slot waits before it replaces them.
import cluster, { type Worker } from 'node:cluster';
import type { MetricObject } from '@prometheus-io/client';
import type { Context } from '../kernel/context.ts';
import { HayateError } from '../kernel/error.ts';
import type { GroupCalls, WorkerAddress, WorkerCalls, WorkerOrder } from './call.ts';
import { Channel, type ChannelEnd } from './channel.ts';

/** The first wait before a process is replaced. It doubles with each failure, up to the maximum. */
const RESTART_MS_MIN = 250;
const RESTART_MS_MAX = 15_000;
/** After a process has served for this long, waits begin at the minimum again. */
const HEALTHY_MS = 30_000;
/** How long an operator's question waits for a process that hangs. */
const ANSWER_MS_MAX = 2_000;

interface WorkerSlotOptions {
  context: Context;
  order: WorkerOrder;
  /** The calls that the process may make. */
  group: GroupCalls;
  /** Called when a process that had started ends by itself. */
  onEnd(): void;
}

type Ended = { readonly code: number | null; readonly signal: string | null };

/** One worker, through all its processes. */
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

  /** Whether the current process listens. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /**
   * Starts a process; resolves when it listens. Rejects if it cannot start; this method does not
   * replace it then.
   */
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

  /** The reasons why the worker is not ready. */
  async unready(): Promise<readonly string[]> {
    const reasons = this.#isUp && this.#channel !== undefined ? this.#channel.call('unready', undefined, ANSWER_MS_MAX) : ['not running'];
    const known = await Promise.resolve(reasons).catch(() => ['does not answer']);
    return known.map((reason) => `worker ${this.number}: ${reason}`);
  }

  /** The metrics of the current process; empty if it does not answer. */
  async metrics(): Promise<MetricObject[]> {
    if (!this.#isUp || this.#channel === undefined) return [];
    return this.#channel.call('metrics', undefined, ANSWER_MS_MAX).catch(() => []);
  }

  /**
   * Makes the process read replaceable files again. A process that does not answer is skipped: its
   * replacement reads them at the start.
   */
  async reload(): Promise<void> {
    if (this.#isUp) await this.#channel?.call('reload', undefined, ANSWER_MS_MAX).catch(() => undefined);
  }

  /**
   * Drains the process, if there is one, and waits until it has ended. Rejects with CLOSED if the
   * process had to be killed.
   */
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

  /** Kills the process at once, and waits until it has ended. */
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
    logger.warn({ worker: this.number, restartMs }, `replacing a worker: ${why}`);
    this.#cancelRestart = clock.after(restartMs, () => {
      this.start().catch(async (error: unknown) => {
        this.#worker?.process.kill('SIGKILL');
        await this.#ended;
        if (!this.#leaving) this.#restartSoon(error instanceof Error ? error.message : String(error));
      });
    });
  }
}
