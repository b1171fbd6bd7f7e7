// Macro benchmark: a frame's whole way, broadcaster → streamer → 1, 2, 4 Redis → listener →
// viewers, in real processes, against two Socket.IO servers with the Redis adapter. Latency is from
// the broadcaster's send to the viewer's read. All systems run at once and take turns.
import { fileURLToPath } from 'node:url';
import type { Redis } from '../../test/support/redis.ts';
import { Child } from '../load/child.ts';
import { Histogram } from '../load/histogram.ts';
import { LoadClient, type LoadReport } from '../load/load-client.ts';
import { type Scope, withScope } from '../load/scope.ts';
import { cpuUs, machineTicks } from '../load/usage.ts';
import { publishes, shardList, startBroadcasters, startRole, startShards, unevenness } from '../peer/cluster.ts';
import type { FanOutLoad } from '../peer/contestant.ts';
import { ensureNative } from '../peer/native.ts';
import { benchToken } from '../peer/secret.ts';
import type { BenchOutcome, Table } from '../report/outcome.ts';
import { median, spread } from '../report/sample.ts';

/** About half of the load that two cores can carry without the costliest contestant. */
const load: FanOutLoad = { streams: 10, viewers: 400, rate: 50, bytes: 640 };
/** The load client and the broadcasters share a core. The kernel places the servers. */
const LOAD_CORE = 1;
/** --slot-ms */
const SLOT_MS = 5;

/** A system with its viewers connected. */
interface System {
  name: string;
  /** Processes of the server side, by part. */
  pids: Readonly<Record<string, readonly number[]>>;
  broadcasters: Child;
  client: LoadClient;
  shards: readonly Redis[];
}

interface Round {
  report: LoadReport;
  /** CPU microseconds a delivery, by part. */
  cpu: Readonly<Record<string, number>>;
  /** Share of all cores, 0 to 1. */
  busy: number;
}

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const total = ({ cpu }: Round) => Object.values(cpu).reduce((sum, value) => sum + value, 0);

/**
 * Ratio: Socket.IO's server CPU per delivery over Hayate's, all processes of each, with two Redis.
 */
export async function run({ quick }: { quick: boolean }): Promise<BenchOutcome> {
  const [rounds, seconds] = quick ? [2, 2] : [7, 4];
  await ensureNative();
  return withScope(async (scope) => {
    const systems = [
      await hayate(scope, 1),
      await hayate(scope, 2),
      await hayate(scope, 4),
      await hayate(scope, 2, { title: ', uncoalesced', flags: ['--coalesce-ms', '0'] }),
      await socketIo(scope),
    ];
    const before = await Promise.all(systems.map(({ shards }) => Promise.all(shards.map(publishes))));
    const measured = systems.map((): Round[] => []);
    for (let round = -1; round < rounds; round++)
      for (const [i, system] of systems.entries()) {
        const result = await measure(system, round < 0 ? seconds * 2 : seconds);
        if (round >= 0) measured[i]?.push(result);
      }
    const after = await Promise.all(systems.map(({ shards }) => Promise.all(shards.map(publishes))));
    const even = after.map((counts, i) => unevenness(counts.map((count, j) => count - (before[i]?.[j] ?? 0))));
    return outcome(systems, measured, even, { rounds, secondsPerRound: seconds, load });
  });
}

function outcome(
  systems: readonly System[],
  measured: readonly (readonly Round[])[],
  even: readonly number[],
  details: unknown,
): BenchOutcome {
  const [peer = [], ours = [], bare = []] = [measured.at(-1), measured[1], measured[3]];
  const ratios = ours.map((round, i) => total(peer[i] ?? round) / total(round));
  const beyondMs = Histogram.of(...bare.map(({ report }) => report.latency)).summary().p99Ms - SLOT_MS;
  const evenness = Math.max(...even.slice(1, 4));
  return {
    name: 'live-path',
    ratio: median(ratios).toFixed(2),
    unit: `× less server CPU per delivery than Socket.IO with its Redis adapter (spread ${spread(ratios)})`,
    goals: [
      {
        what: 'server CPU per delivery, all processes',
        goal: '≤ 0.25 × Socket.IO + Redis adapter',
        measured: (1 / median(ratios)).toFixed(2),
        met: median(ratios) >= 4,
      },
      { what: 'p99 beyond slot and coalescing, 2 Redis', goal: '≤ 5 ms', measured: `${beyondMs.toFixed(1)} ms`, met: beyondMs <= 5 },
      { what: 'publishes per shard, largest over mean', goal: '≤ 1.05', measured: evenness.toFixed(3), met: evenness <= 1.05 },
    ],
    tables: [latencyTable(systems, measured), costTable(systems, measured, even)],
    notes: [
      `${load.streams} streams at ${load.rate} frames of ${load.bytes} bytes a second, ${load.viewers} viewers, ${load.viewers * load.rate} deliveries a second; broadcasters and viewers use the same two cores.`,
      `"Beyond slot and coalescing" is the p99 of the uncoalesced listener minus the slot of ${SLOT_MS} ms; it includes the broadcaster's and the load client's own time.`,
      'A Hayate streamer also appends every frame to its log and syncs it, which Socket.IO does not.',
    ],
    details,
  };
}

function latencyTable(systems: readonly System[], measured: readonly (readonly Round[])[]): Table {
  return {
    title: 'Latency, broadcaster to viewer',
    columns: ['system', 'p50 ms', 'p99 ms', 'p99.9 ms', 'max ms', 'rate kept', 'lost', 'machine busy'],
    rows: systems.map(({ name }, i) => {
      const rounds = measured[i] ?? [];
      const { p50Ms, p99Ms, p999Ms, maxMs } = Histogram.of(...rounds.map(({ report }) => report.latency)).summary();
      const kept = rounds.map(({ report }) => (report.deliveries * 1e6) / report.us / (load.viewers * load.rate));
      return [
        name,
        ...[p50Ms, p99Ms, p999Ms, maxMs].map((value) => value.toFixed(1)),
        `${(median(kept) * 100).toFixed(0)} %`,
        String(rounds.reduce((sum, { report }) => sum + report.lost + report.doubles + report.silent, 0)),
        `${(median(rounds.map(({ busy }) => busy)) * 100).toFixed(0)} %`,
      ];
    }),
  };
}

function costTable(systems: readonly System[], measured: readonly (readonly Round[])[], even: readonly number[]): Table {
  return {
    title: 'Server CPU, µs per delivery',
    columns: ['system', 'streamer (or first Socket.IO)', 'Redis', 'listener (or second)', 'total', 'spread', 'largest shard / mean'],
    rows: systems.map(({ name, shards }, i) => {
      const rounds = measured[i] ?? [];
      const part = (key: string) => median(rounds.map(({ cpu }) => cpu[key] ?? Number.NaN)).toFixed(2);
      const totals = rounds.map(total);
      return [
        name,
        part('in'),
        part('redis'),
        part('out'),
        median(totals).toFixed(2),
        spread(totals),
        shards.length > 1 ? (even[i] ?? 1).toFixed(3) : '–',
      ];
    }),
  };
}

async function hayate(scope: Scope, count: number, { title = '', flags = [] as readonly string[] } = {}): Promise<System> {
  const shards = await startShards(scope, count);
  const common = ['--shards', shardList(shards), '--slot-ms', String(SLOT_MS)];
  const streamer = await startRole(scope, 'streamer', common);
  const listener = await startRole(scope, 'listener', [...common, ...flags]);
  const { viewers: connections, streams } = load;
  const token = await benchToken('watch');
  const viewers = { dialect: 'hayate', ports: [listener.port], path: '/watch', connections, streams, token, core: LOAD_CORE } as const;
  const broadcasters = await startBroadcasters(scope, [streamer.port], load, { core: LOAD_CORE });
  const client = await LoadClient.start(scope, viewers);
  await client.open();
  const pids = { in: [streamer.pid], redis: shards.map(({ pid }) => pid), out: [listener.pid] };
  return { name: `Hayate, ${count} Redis${title}`, pids, broadcasters, client, shards };
}

async function socketIo(scope: Scope): Promise<System> {
  const shards = await startShards(scope, 1);
  const program = fileURLToPath(new URL('../peer/socket-io-server.ts', import.meta.url));
  const start = async () => {
    const child = Child.start(scope, process.execPath, [program, '--streams', String(load.streams), '--', '--redis', shardList(shards)]);
    return { pid: child.pid, ...(JSON.parse(await child.line()) as { port: number }) };
  };
  const [first, second] = [await start(), await start()];
  const broadcasters = await startBroadcasters(scope, [first.port], load, { dialect: 'engine', core: LOAD_CORE });
  const path = '/socket.io/?EIO=4&transport=websocket&stream={}';
  const { viewers: connections, streams } = load;
  const client = await LoadClient.start(scope, { dialect: 'engine', ports: [second.port], path, connections, streams, core: LOAD_CORE });
  await client.open();
  return {
    name: 'Socket.IO, 1 Redis',
    pids: { in: [first.pid], redis: shards.map(({ pid }) => pid), out: [second.pid] },
    broadcasters,
    client,
    shards,
  };
}

async function measure({ pids, broadcasters, client }: System, seconds: number): Promise<Round> {
  const used = () => Object.fromEntries(Object.entries(pids).map(([part, list]) => [part, list.reduce((sum, pid) => sum + cpuUs(pid), 0)]));
  broadcasters.send('go');
  await wait(500);
  await client.measure();
  const [before, ticksBefore] = [used(), machineTicks()];
  await wait(seconds * 1_000);
  const [after, ticksAfter] = [used(), machineTicks()];
  const report = await client.report();
  broadcasters.send('halt');
  await wait(300);
  const cpu = Object.fromEntries(Object.entries(after).map(([part, us]) => [part, (us - (before[part] ?? 0)) / report.deliveries]));
  return { report, cpu, busy: (ticksAfter.busy - ticksBefore.busy) / (ticksAfter.total - ticksBefore.total) };
}
