// Macro benchmark: the effect on viewers when a part of the live path fails under load. A Redis is
// killed, hangs, is added or is removed, or all listeners are replaced. Real processes and signals;
// servers are found by a real DNS. Each event is measured from 2 s before it until all frames have
// arrived. "nothing" is the same measurement without an event.
import { type DnsServer, startDns } from '../../test/support/dns.ts';
import { freePort } from '../../test/support/free-port.ts';
import { type Redis, startRedis } from '../../test/support/redis.ts';
import type { Child } from '../load/child.ts';
import { Histogram } from '../load/histogram.ts';
import { LoadClient, type LoadReport } from '../load/load-client.ts';
import { type Scope, withScope } from '../load/scope.ts';
import { type RoleProcess, startBroadcasters, startRole, startShards } from '../peer/cluster.ts';
import type { FanOutLoad } from '../peer/contestant.ts';
import { benchToken } from '../peer/secret.ts';
import type { BenchOutcome } from '../report/outcome.ts';

const load: FanOutLoad = { streams: 10, viewers: 200, rate: 50, bytes: 640 };
const LOAD_CORE = 1;
const NAME = 'shards.test';
const GO_AWAY_MS = 3_000;
const PAUSE_MS_MAX = 250;

/** All running processes. */
interface System {
  scope: Scope;
  dns: DnsServer;
  port: number;
  shards: Redis[];
  /** Flags of both roles. */
  flags: readonly string[];
  streamer: RoleProcess;
  listeners: RoleProcess[];
  broadcasters: Child;
  client: LoadClient;
}

/** An event, and how to undo it before the next event. */
interface Event {
  name: string;
  happen(system: System): Promise<void>;
  undo?(system: System): Promise<void>;
}

interface Outcome {
  event: string;
  report: LoadReport;
  repaired: number;
}

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const records = (shards: readonly Redis[]) => shards.map(({ host }) => `host-record=${NAME},${host}`);
const first = ({ shards: [redis] }: System): Redis => {
  if (redis === undefined) throw new Error('no Redis');
  return redis;
};

const events: readonly Event[] = [
  { name: 'nothing', happen: async () => undefined },
  {
    name: 'SIGKILL one Redis of three',
    happen: async (system) => first(system).stop(),
    undo: async (system) => first(system).restart(),
  },
  {
    name: 'SIGSTOP one Redis of three for 5 s, then SIGCONT',
    async happen(system) {
      first(system).signal('SIGSTOP');
      await wait(5_000);
      first(system).signal('SIGCONT');
    },
  },
  {
    name: 'a fourth Redis is added',
    async happen({ scope, dns, port, shards }) {
      const added = await startRedis(scope, { host: '127.0.0.4', port });
      if (added !== undefined) shards.push(added);
      await dns.answer(records(shards));
    },
  },
  {
    name: 'one Redis of four leaves the name, and is stopped 5 s later',
    async happen({ dns, shards }) {
      const leaving = shards.pop();
      await dns.answer(records(shards));
      await wait(5_000);
      await leaving?.stop();
    },
  },
  { name: `two listeners are replaced, SIGTERM with --go-away-ms ${GO_AWAY_MS}`, happen: rollListeners },
];

/** Ratio: the longest pause of any viewer, over all events, to the promised 250 ms. */
export async function run({ quick }: { quick: boolean }): Promise<BenchOutcome> {
  const afterMs = quick ? 2_000 : 5_000;
  return withScope(async (scope) => {
    const system = await start(scope);
    const outcomes: Outcome[] = [];
    for (const event of events) outcomes.push(await measure(system, event, afterMs));
    return summary(outcomes, afterMs);
  });
}

async function start(scope: Scope): Promise<System> {
  const port = await freePort();
  const shards = await startShards(scope, 3, port);
  const dns = await startDns(scope, records(shards));
  if (dns === undefined) throw new Error('no DNS server');
  const flags = ['--shards', `dns+redis://${NAME}:${port}`, '--dns-server', dns.address, '--shard-resolve-ms', '500'];
  const streamer = await startRole(scope, 'streamer', flags);
  const system = { scope, dns, port, shards, flags, streamer };
  const listeners = [await startListener(system, 0), await startListener(system, 0)];
  const broadcasters = await startBroadcasters(scope, [streamer.port], load, { core: LOAD_CORE });
  const { viewers: connections, streams } = load;
  const ports = listeners.map((listener) => listener.port);
  const viewers = { dialect: 'hayate', ports, path: '/watch', connections, streams, token: await benchToken('watch') } as const;
  const client = await LoadClient.start(scope, { ...viewers, reconnect: true, core: LOAD_CORE });
  await client.open();
  broadcasters.send('go');
  await wait(3_000);
  return { ...system, listeners, broadcasters, client };
}

const startListener = ({ scope, flags }: Pick<System, 'scope' | 'flags'>, port: number): Promise<RoleProcess> =>
  startRole(scope, 'listener', [...flags, '--go-away-ms', String(GO_AWAY_MS)], { port });

/** Replaces the listeners one after the other. Each is back on its port before the next stops. */
async function rollListeners(system: System): Promise<void> {
  for (const [i, old] of system.listeners.entries()) {
    old.child.signal('SIGTERM');
    await old.child.ended();
    system.listeners[i] = await startListener(system, old.port);
    await wait(1_000);
  }
}

async function measure(system: System, event: Event, afterMs: number): Promise<Outcome> {
  const repaired = () => system.streamer.metric('hayate_streamer_repaired_frames_total');
  const before = await repaired();
  await system.client.measure();
  await wait(2_000);
  await event.happen(system);
  await wait(afterMs);
  // A pause is counted when it ends, so broadcasting continues. Then the frames under way arrive.
  const { longestPauseUs } = await system.client.report();
  system.broadcasters.send('halt');
  await wait(1_000);
  const report = { ...(await system.client.report()), longestPauseUs };
  const after = await repaired();
  system.broadcasters.send('go');
  await event.undo?.(system);
  await wait(3_000);
  return { event: event.name, report, repaired: after - before };
}

const lostOf = ({ lost, behind, silent }: LoadReport) => lost + behind + silent;

function summary(outcomes: readonly Outcome[], afterMs: number): BenchOutcome {
  const failing = outcomes.slice(1);
  const pauseMs = Math.max(...failing.map(({ report }) => report.longestPauseUs)) / 1_000;
  const lost = failing.reduce((sum, { report }) => sum + lostOf(report), 0);
  return {
    name: 'failover',
    ratio: (pauseMs / PAUSE_MS_MAX).toFixed(2),
    unit: `of the ${PAUSE_MS_MAX} ms that a viewer's longest pause may last (${pauseMs.toFixed(0)} ms), ${lost} frames lost`,
    goals: failing.flatMap(({ event, report }) => [
      { what: `frames lost: ${event}`, goal: '0', measured: String(lostOf(report)), met: lostOf(report) === 0 },
      {
        what: `longest pause of any viewer: ${event}`,
        goal: `≤ ${PAUSE_MS_MAX} ms`,
        measured: `${(report.longestPauseUs / 1_000).toFixed(0)} ms`,
        met: report.longestPauseUs <= PAUSE_MS_MAX * 1_000,
      },
    ]),
    tables: [
      {
        title: 'What viewers notice',
        columns: [
          'event',
          'lost',
          'doubled',
          'longest pause',
          'p99.9 latency',
          'published again',
          'named as gaps',
          'moved',
          'reconnected',
          'deliveries',
        ],
        rows: outcomes.map(({ event, report, repaired }) => [
          event,
          String(lostOf(report)),
          String(report.doubles),
          `${(report.longestPauseUs / 1_000).toFixed(0)} ms`,
          `${Histogram.of(report.latency).summary().p999Ms.toFixed(0)} ms`,
          String(repaired),
          String(report.gapsLost + report.gapsSlow + report.gapsExpired),
          String(report.moves),
          String(report.reconnects),
          report.deliveries.toLocaleString('en'),
        ]),
      },
    ],
    notes: [
      `${load.streams} streams of ${load.rate} frames a second, ${load.viewers} viewers, two listeners, all on two cores. Lost: frames that a viewer never received, over all viewers. A pause is the time between two deliveries at one viewer; without an event it is 20 ms plus the scheduling delay of the machine.`,
      'A process that starts takes a second of a core, on the same two cores: the numbers include this.',
    ],
    details: {
      load,
      afterMs,
      counts: outcomes.map(({ event, report: { latency: _latency, pauses: _pauses, ...counts } }) => ({ ...counts, event })),
    },
  };
}
