// The program of one worker process: it runs a server as its primary orders. A terminal sends
// Ctrl-C and its hang-up to both processes, and the primary acts on them. A SIGTERM to this process
// alone drains it, and the primary replaces it. When the primary ends, Node ends the worker.
import { strict as assert } from 'node:assert';
import { hostname } from 'node:os';
import { type RunningServer, startServer } from '../main.ts';
import type { GroupCalls, WorkerCalls } from './call.ts';
import { Channel, type ChannelEnd } from './channel.ts';

let server: RunningServer | undefined;
let drained: Promise<void> | undefined;

const running = (): RunningServer => {
  assert(server !== undefined, 'the worker has not started');
  return server;
};

/** Ends this process after its last messages have been sent. */
const end = (code: number): void => {
  process.exitCode = code;
  setImmediate(() => process.disconnect?.());
  setTimeout(() => process.exit(), 1_000).unref();
};

const drain = (): Promise<void> =>
  (drained ??= running()
    .drain()
    .then(
      () => end(0),
      (error: unknown) => {
        end(1);
        throw error;
      },
    ));

const channel: Channel<GroupCalls, WorkerCalls> = new Channel(process as unknown as ChannelEnd, {
  async start({ number, settings }) {
    // The primary owns the internal port and answers operators there.
    const operations =
      settings.internalPort === undefined
        ? { unready: () => channel.call('unready', undefined), metrics: () => channel.call('metrics', undefined) }
        : undefined;
    try {
      // Each worker of a host is a Kafka group member of its own; a replacement gets its partitions
      // back.
      const kafkaInstanceId = `${settings.kafkaInstanceId ?? hostname()}-${number}`;
      server = await startServer({ ...settings, internalPort: undefined, kafkaInstanceId }, { number, operations });
    } catch (error) {
      end(1);
      throw error;
    }
    const { url, development, archiveDirectory } = server;
    return { url, development, archiveDirectory };
  },
  reload: () => running().reload(),
  drain,
  unready: async () => running().unready(),
  metrics: () => running().registry.getMetricsAsJSON(),
} satisfies WorkerCalls);

for (const signal of ['SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1'] as const) process.on(signal, () => undefined);
process.on('SIGTERM', () => {
  if (server === undefined) process.exit(143);
  drain().catch(() => undefined);
});
