// Several processes on one machine share one port. The primary opens the port and hands connections
// to the workers in turn; the workers serve them. Settings go in. Out comes a server as startServer
// returns it: it runs as one until it drains.
//
// Node offers three ways to share a port, and the primary's turn-taking (node:cluster, SCHED_RR)
// accepts most slowly. On two cores with 4,000 connections, each connection took 0.1 ms of the
// primary's CPU, and it accepted 2,000 a second where `reusePort` accepted 4,000. We use it because
// a worker that hangs gets no connections (the kernel would continue to give it its share), waiting
// connections survive a worker's death, a port in use by another program is detected, and it works
// on every system. docs/operate/scale-out.md has the figures.
import cluster from 'node:cluster';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Counter, Gauge, type MetricObject, Registry } from '@prometheus-io/client';
import { createApplication } from '../api/api.ts';
import { addOperationRoutes, type Operations } from '../api/operation-routes.ts';
import { ConnectionMetrics } from '../gateway/connection-metrics.ts';
import { listenFailure } from '../gateway/listen-address.ts';
import { type Context, createContext } from '../kernel/context.ts';
import { HayateError } from '../kernel/error.ts';
import { openInternalPort, publicAddress, publicUrl, type RunningServer } from '../main.ts';
import { openSecurity } from '../security.ts';
import type { ServeSettings } from '../serve-flags.ts';
import type { WorkerAddress } from './call.ts';
import { WorkerSlot } from './worker-slot.ts';

/** A worker is killed this long after --drain-timeout-ms. */
const DRAIN_GRACE_MS = 2_000;

/**
 * The workers' program. Like this file, it is TypeScript in the repository and JavaScript in the
 * published package.
 */
const program = fileURLToPath(import.meta.url).replace(/worker-group(\.[jt]s)$/, 'worker-main$1');

/** Throws HayateError CONFIGURATION if several processes cannot use these settings. */
function checkWorkers({ roles, shards, log, lan }: ServeSettings): void {
  const logged = roles.filter((role) => role === 'streamer' || role === 'archiver');
  if (logged.length > 0 && log === 'file')
    throw configuration(
      `--workers needs --log kafka://…, or --roles listener,api: only one process can open the embedded log of ${logged.join(' and ')}`,
    );
  const live = roles.some((role) => role === 'streamer' || role === 'listener');
  if (live && shards === 'memory') throw configuration('--workers needs --shards redis://…: memory does not reach other processes');
  if (lan) throw configuration('--lan is for one process: remove --workers');
}

/**
 * Starts `settings.workers` processes; resolves when all listen. Rejects as startServer does; no
 * worker runs then.
 */
export async function startWorkers(given: ServeSettings): Promise<RunningServer> {
  checkWorkers(given);
  // Resolve the host name once, so that all workers use the same address.
  const listen = await publicAddress(given);
  const settings = { ...given, host: listen.address };
  // Refuses unusable security settings, and creates the development secret once, before the workers
  // read it.
  (await openSecurity(settings, createContext({ logLevel: settings.logLevel }))).keys.close();
  const port = settings.port === 0 ? await freePort(settings.host) : settings.port;
  const context = createContext({ logLevel: settings.logLevel });
  cluster.schedulingPolicy = cluster.SCHED_RR;
  cluster.setupPrimary({ exec: program, args: [], serialization: 'advanced' });
  const group = new WorkerGroup(context, { ...settings, port });
  try {
    const address = await group.start();
    const internal = settings.internalPort === undefined ? undefined : await openOperations(settings, context, group);
    return {
      ...address,
      url: await publicUrl(settings, listen, port),
      lanUrls: [],
      pairedUrl: undefined,
      internalUrl: internal?.url,
      registry: context.registry,
      unready: () => [],
      reload: () => group.reload(),
      async drain() {
        await group.drain().finally(() => internal?.gateway.close());
      },
    };
  } catch (error) {
    await group.kill();
    throw error;
  }
}

class WorkerGroup implements Operations {
  readonly #context: Context;
  readonly #drainTimeoutMs: number;
  readonly #slots: readonly WorkerSlot[];
  #draining = false;

  constructor(context: Context, settings: ServeSettings) {
    const registers = [context.registry];
    const ends = new Counter({
      name: 'hayate_worker_ends_total',
      help: 'Worker processes that ended unexpectedly and were replaced',
      labelNames: ['worker'],
      registers,
    });
    const up = new Gauge({
      name: 'hayate_worker_up',
      help: '1 while the worker has a listening process',
      labelNames: ['worker'],
      registers,
      collect: () => {
        for (const slot of this.#slots) up.set({ worker: String(slot.number) }, Number(slot.isUp));
      },
    });
    this.#context = context;
    this.#drainTimeoutMs = settings.drainTimeoutMs;
    const calls = { unready: () => this.unready(), metrics: () => this.metrics() };
    this.#slots = Array.from({ length: settings.workers }, (_, index) => {
      const worker = String(index + 1);
      ends.inc({ worker }, 0);
      return new WorkerSlot({ context, order: { number: index + 1, settings }, group: calls, onEnd: () => ends.inc({ worker }) });
    });
  }

  async start(): Promise<WorkerAddress> {
    const [address] = await Promise.all(this.#slots.map((slot) => slot.start()));
    if (address === undefined) throw configuration('--workers must be 1 or more');
    return address;
  }

  /** The reasons of all workers: the group is ready when every worker is. */
  async unready(): Promise<readonly string[]> {
    if (this.#draining) return ['draining'];
    return (await Promise.all(this.#slots.map((slot) => slot.unready()))).flat();
  }

  /**
   * All workers' metrics, each labelled with its worker's number, so that no counter falls when a
   * process is replaced.
   */
  async metrics(): Promise<string> {
    const all: MetricObject[][] = await Promise.all([
      this.#context.registry.getMetricsAsJSON(),
      ...this.#slots.map((slot) => slot.metrics()),
    ]);
    return Registry.aggregate(all).metrics();
  }

  async reload(): Promise<void> {
    this.#context.logger.info('rereading files');
    await Promise.all(this.#slots.map((slot) => slot.reload()));
  }

  async drain(): Promise<void> {
    this.#draining = true;
    const drained = await Promise.allSettled(this.#slots.map((slot) => slot.drain(this.#drainTimeoutMs + DRAIN_GRACE_MS)));
    for (const slot of drained) if (slot.status === 'rejected') throw slot.reason;
  }

  async kill(): Promise<void> {
    this.#draining = true;
    await Promise.all(this.#slots.map((slot) => slot.kill()));
  }
}

function openOperations(settings: ServeSettings, context: Context, operations: Operations): ReturnType<typeof openInternalPort> {
  const app = createApplication(context);
  addOperationRoutes(app, operations);
  return openInternalPort({ settings, context, connectionMetrics: new ConnectionMetrics(context) }, app);
}

/** Chooses one free port for all workers; each would choose a different one otherwise. */
async function freePort(host: string): Promise<number> {
  const server = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', (cause) => reject(listenFailure(host, 0, cause)));
  server.listen(0, host, resolve);
  await promise;
  const address = server.address();
  await new Promise((closed) => server.close(closed));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function configuration(message: string): HayateError {
  return new HayateError('CONFIGURATION', message);
}
