// Macro benchmark: the server's CPU time for one delivery to one viewer, compared with a C program
// that only calls send(). All contestants are connected at once and take turns, so that other work
// on the machine affects all alike. A ratio compares two neighbours in the same round.
import { availableParallelism } from 'node:os';
import { hasGo } from '../load/compile.ts';
import { Histogram } from '../load/histogram.ts';
import { type Scope, withScope } from '../load/scope.ts';
import { type Contestant, type Cores, type FanOutLoad, type Round, RunningContestant } from '../peer/contestant.ts';
import { ensureNative } from '../peer/native.ts';
import type { BenchOutcome, Goal, Table } from '../report/outcome.ts';
import { median, spread } from '../report/sample.ts';

const PLAIN = { dialect: 'plain', path: '/bench-{}' } as const;
const HAYATE = { dialect: 'hayate', path: '/watch' } as const;
const SOCKET_IO = { dialect: 'engine', path: '/socket.io/?EIO=4&transport=websocket&stream={}' } as const;
const CENTRIFUGO = { dialect: 'centrifugo', path: '/connection/websocket' } as const;
/** The default of --coalesce-ms. */
const BATCH_MS = 25;

const hayate = (name: string, ...flags: readonly string[]): Contestant => ({ name, program: 'hayate-server', flags, speaks: HAYATE });
const socketIo = (name: string, ...flags: readonly string[]): Contestant => ({
  name,
  program: 'socket-io-server',
  flags,
  speaks: SOCKET_IO,
});

const contestants: readonly Contestant[] = [
  { name: 'C floor', program: 'floor', speaks: PLAIN },
  hayate('Hayate, native, uncoalesced', '--fan-out', 'native', '--coalesce-ms', '0'),
  hayate('Hayate, TypeScript, uncoalesced', '--fan-out', 'typescript', '--coalesce-ms', '0'),
  hayate('Hayate, native', '--fan-out', 'native'),
  hayate('Hayate, TypeScript', '--fan-out', 'typescript'),
  hayate('Hayate, native, always coalesced', '--fan-out', 'native', '--coalesce', 'always'),
  { name: 'ws', program: 'ws-server', speaks: PLAIN },
  socketIo('Socket.IO'),
  socketIo(`Socket.IO, batched ${BATCH_MS} ms`, '--batch-ms', String(BATCH_MS)),
];
/** Only where a Go compiler is installed, and not in a quick run, as compiling takes minutes. */
const centrifuge: readonly Contestant[] = [
  { name: 'Centrifuge (Go)', program: 'centrifuge', speaks: CENTRIFUGO },
  { name: `Centrifuge (Go), batched ${BATCH_MS} ms`, program: 'centrifuge', flags: ['-batch-ms', String(BATCH_MS)], speaks: CENTRIFUGO },
];

/** The promises: a contestant, and its largest ratio to the floor. */
const promises = [
  ['Hayate, native, uncoalesced', 1.1],
  ['Hayate, TypeScript, uncoalesced', 1.4],
  ['Hayate, native', 0.6],
] as const;

const loads: readonly FanOutLoad[] = [
  { streams: 10, viewers: 500, rate: 50, bytes: 640 },
  { streams: 1, viewers: 2_000, rate: 50, bytes: 640 },
];

const titleOf = ({ streams, viewers }: FanOutLoad) => `${streams} × ${viewers / streams} viewers`;

/**
 * Measures every contestant under each load. The ratio is Hayate's cost, with its defaults and the
 * native path, over the floor's.
 */
export async function run({ quick }: { quick: boolean }): Promise<BenchOutcome> {
  const [rounds, seconds, warmUpSeconds] = quick ? [1, 0.7, 0.7] : [5, 2.5, 8];
  const all = quick || !hasGo() ? contestants : [...contestants, ...centrifuge];
  const cores: Cores = availableParallelism() > 1 ? { server: 0, load: 1 } : {};
  const tables: Table[] = [];
  const goals: Goal[] = [];
  let [worst, least] = [0, Number.POSITIVE_INFINITY];
  await ensureNative();
  for (const load of loads) {
    const measured = await withScope((scope) => measure(scope, all, load, cores, { rounds, seconds, warmUpSeconds }));
    const floor = measured.get('C floor') ?? [];
    const ratios = new Map([...measured].map(([name, own]) => [name, ratiosTo(floor, own)]));
    const table = tableOf(load, measured, ratios);
    tables.push(table);
    for (const [name, most] of promises) {
      const ours = median(ratios.get(name) ?? []);
      goals.push({ what: `${name}, ${titleOf(load)}`, goal: `≤ ${most} × the floor`, measured: ours.toFixed(2), met: ours <= most });
    }
    const own = median(ratios.get('Hayate, native') ?? []);
    worst = Math.max(worst, own);
    least = Math.min(least, median(ratios.get('Socket.IO') ?? []) / own);
  }
  return {
    name: 'fan-out',
    ratio: worst.toFixed(2),
    unit: `× a C send() loop in CPU per delivery, with default settings; Socket.IO takes ${least.toFixed(1)} × as much`,
    goals,
    tables,
    notes: [
      'One core for the server, one for the load client. A server that cannot keep its rate has no CPU left: its latency shows how long its queues were.',
      'Hayate is the whole listener: it decodes envelopes, orders frames, keeps the group for late joiners and reads two receipts a second from each viewer. The floor only sends.',
      'Plain `ws` sends at once, so its latency is lower than that of a listener that gathers.',
    ],
    details: { rounds, secondsPerRound: seconds, warmUpSeconds, cores },
  };
}

async function measure(
  scope: Scope,
  all: readonly Contestant[],
  load: FanOutLoad,
  cores: Cores,
  { rounds, seconds, warmUpSeconds }: { rounds: number; seconds: number; warmUpSeconds: number },
): Promise<Map<string, Round[]>> {
  const running: RunningContestant[] = [];
  for (const contestant of all) running.push(await RunningContestant.start(scope, contestant, load, cores));
  const measured = new Map<string, Round[]>(running.map(({ name }) => [name, []]));
  for (let round = -1; round < rounds; round++) {
    for (const contestant of running) {
      // The first round warms up compilers and caches. A JIT needs some thousand calls.
      const result = await contestant.round(round < 0 ? warmUpSeconds : seconds);
      if (round >= 0) measured.get(contestant.name)?.push(result);
    }
  }
  return measured;
}

/**
 * Uses only rounds in which both delivered something. On a shared machine, a short round may pass
 * without a delivery.
 */
const ratiosTo = (floor: readonly Round[], own: readonly Round[]): number[] =>
  own.map(({ usPerDelivery }, i) => usPerDelivery / (floor[i]?.usPerDelivery ?? Number.NaN)).filter(Number.isFinite);

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
