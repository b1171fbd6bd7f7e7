// Macro benchmark: what one delivery to one viewer costs the server's CPU, against a C program that does nothing but send().
// All contestants are connected at once and take turns, so that what else the machine does meets all alike; a ratio is that of
// two neighbours in the same round.
import { availableParallelism } from 'node:os';
import { Histogram } from '../load/histogram.ts';
import { type Scope, withScope } from '../load/scope.ts';
import { type Contestant, type Cores, type FanOutLoad, type Round, RunningContestant } from '../peer/contestant.ts';
import type { BenchOutcome, Goal, Table } from '../report/outcome.ts';
import { median, spread } from '../report/sample.ts';

const PLAIN = { dialect: 'plain', path: '/bench-{}' } as const;
const HAYATE = { dialect: 'hayate', path: '/watch' } as const;
const SOCKET_IO = { dialect: 'engine', path: '/socket.io/?EIO=4&transport=websocket&stream={}' } as const;
/** As long as --coalesce-ms gathers by default. */
const BATCH_MS = 25;

const contestants: readonly Contestant[] = [
  { name: 'C floor', program: 'floor', speaks: PLAIN },
  {
    name: 'Hayate, TypeScript, uncoalesced',
    program: 'hayate-server',
    flags: ['--fan-out', 'typescript', '--coalesce-ms', '0'],
    speaks: HAYATE,
  },
  { name: 'Hayate, TypeScript', program: 'hayate-server', flags: ['--fan-out', 'typescript'], speaks: HAYATE },
  {
    name: 'Hayate, TypeScript, always coalesced',
    program: 'hayate-server',
    flags: ['--fan-out', 'typescript', '--coalesce', 'always'],
    speaks: HAYATE,
  },
  { name: 'ws', program: 'ws-server', speaks: PLAIN },
  { name: 'Socket.IO', program: 'socket-io-server', speaks: SOCKET_IO },
  { name: `Socket.IO, batched ${BATCH_MS} ms`, program: 'socket-io-server', flags: ['--batch-ms', String(BATCH_MS)], speaks: SOCKET_IO },
];

const loads: readonly FanOutLoad[] = [
  { streams: 10, viewers: 500, rate: 50, bytes: 640 },
  { streams: 1, viewers: 2_000, rate: 50, bytes: 640 },
];

const titleOf = ({ streams, viewers }: FanOutLoad) => `${streams} × ${viewers / streams} viewers`;

/** Measures every contestant under each load. The ratio is ours over the floor's. */
export async function run({ quick }: { quick: boolean }): Promise<BenchOutcome> {
  const [rounds, seconds] = quick ? [2, 0.5] : [15, 3];
  const cores: Cores = availableParallelism() > 1 ? { server: 0, load: 1 } : {};
  const tables: Table[] = [];
  const goals: Goal[] = [];
  let ratio = Number.NaN;
  for (const load of loads) {
    const measured = await withScope((scope) => measure(scope, load, cores, rounds, seconds));
    const floor = measured.get('C floor') ?? [];
    const ratios = new Map([...measured].map(([name, own]) => [name, ratiosTo(floor, own)]));
    const table = tableOf(load, measured, ratios);
    tables.push(table);
    const ours = median(ratios.get('Hayate, TypeScript, uncoalesced') ?? []);
    ratio = Number.isNaN(ratio) ? ours : Math.max(ratio, ours);
    goals.push({
      what: `${titleOf(load)}, without the native path`,
      goal: '≤ 1.4 × the floor',
      measured: ours.toFixed(2),
      met: ours <= 1.4,
    });
  }
  return {
    name: 'fan-out',
    ratio: ratio.toFixed(2),
    unit: '× the C floor (CPU per delivery)',
    goals,
    tables,
    details: { rounds, secondsPerRound: seconds, cores },
  };
}

async function measure(scope: Scope, load: FanOutLoad, cores: Cores, rounds: number, seconds: number): Promise<Map<string, Round[]>> {
  const running: RunningContestant[] = [];
  for (const contestant of contestants) running.push(await RunningContestant.start(scope, contestant, load, cores));
  const measured = new Map<string, Round[]>(running.map(({ name }) => [name, []]));
  for (let round = -1; round < rounds; round++) {
    for (const contestant of running) {
      const result = await contestant.round(seconds);
      // The first is for compilers and caches.
      if (round >= 0) measured.get(contestant.name)?.push(result);
    }
  }
  return measured;
}

const ratiosTo = (floor: readonly Round[], own: readonly Round[]): number[] =>
  own.map(({ usPerDelivery }, i) => usPerDelivery / (floor[i]?.usPerDelivery ?? Number.NaN));

function tableOf(load: FanOutLoad, measured: ReadonlyMap<string, readonly Round[]>, ratios: ReadonlyMap<string, readonly number[]>): Table {
  const columns = ['contestant', '× floor', 'spread', 'µs CPU', 'p50 ms', 'p99 ms', 'rate kept', 'payloads/message', 'lost', 'load client'];
  const rows = [...measured].map(([name, rounds]) => {
    const ratio = ratios.get(name) ?? [];
    const { p50Ms, p99Ms } = Histogram.of(...rounds.map(({ report }) => report.latency)).summary();
    const sum = (pick: (round: Round) => number) => rounds.reduce((total, round) => total + pick(round), 0);
    return [
      name,
      median(ratio).toFixed(2),
      spread(ratio),
      median(rounds.map(({ usPerDelivery }) => usPerDelivery)).toFixed(2),
      p50Ms.toFixed(2),
      p99Ms.toFixed(2),
      `${((sum(({ report }) => report.deliveries) * 1e8) / (load.viewers * load.rate * sum(({ report }) => report.us))).toFixed(0)} %`,
      (sum(({ report }) => report.deliveries) / sum(({ report }) => report.messages)).toFixed(2),
      String(sum(({ report }) => report.lost + report.doubles + report.malformed + report.silent)),
      `${(median(rounds.map(({ loadShare }) => loadShare)) * 100).toFixed(0)} %`,
    ];
  });
  return { title: titleOf(load), columns, rows };
}
