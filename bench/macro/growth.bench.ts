// Macro benchmark: how the live path's cost grows. It runs small systems of real processes that
// differ in streams, rate, viewers, listeners and shards. Least squares over their CPU times give
// the cost of one frame, one publish and one delivery at each part. From these it calculates the
// needs of a million viewers. Every table says which numbers are measured and which are calculated.
import { LoadClient } from '../load/load-client.ts';
import { withScope } from '../load/scope.ts';
import { cpuUs } from '../load/usage.ts';
import { publishes, shardList, startBroadcasters, startRole, startShards } from '../peer/cluster.ts';
import { directoryCost } from '../peer/directory-cost.ts';
import { ensureNative } from '../peer/native.ts';
import { benchToken } from '../peer/secret.ts';
import { capacityTables, type UnitCosts } from '../report/capacity.ts';
import type { BenchOutcome, Table } from '../report/outcome.ts';
import { leastSquaresPositive } from '../report/sample.ts';

/**
 * A system. The sizes are chosen so that no two columns of the fit grow together, and all fit on
 * two cores.
 */
interface Step {
  streams: number;
  rate: number;
  viewers: number;
  listeners: number;
  shards: number;
}

const step = (streams: number, rate: number, viewers: number, listeners: number, shards: number): Step => ({
  ...{ streams, rate, viewers, listeners, shards },
});
const steps: readonly Step[] = [
  step(2, 20, 20, 1, 1),
  step(2, 50, 400, 1, 1),
  step(10, 50, 40, 1, 1),
  step(10, 25, 400, 1, 1),
  step(20, 50, 200, 2, 2),
  step(4, 25, 800, 2, 1),
  step(10, 50, 40, 4, 1),
  step(40, 25, 120, 1, 4),
  step(20, 10, 1_000, 1, 2),
  step(40, 50, 40, 2, 1),
];
const BYTES = 640;
const LOAD_CORE = 1;

/** CPU microseconds a second, and counts a second, of a step. */
interface Measured extends Step {
  streamerUs: number;
  redisUs: number;
  listenersUs: number;
  frames: number;
  publishes: number;
  deliveries: number;
  lost: number;
}

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Headline: CPU of a delivery at the listener, and of all steps before it. */
export async function run({ quick }: { quick: boolean }): Promise<BenchOutcome> {
  await ensureNative();
  const measured: Measured[] = [];
  for (const one of quick ? steps.slice(1, 7) : steps) measured.push(await measure(one, quick ? 2 : 3, quick ? 2 : 6));
  const directory = await directoryCost(quick ? [50] : [50, 200, 400]);
  const costs = fit(measured);
  return {
    name: 'growth',
    ratio: costs.deliveryUs.toFixed(1),
    unit: `µs CPU a delivery at the listener; ${costs.frameUs.toFixed(0)} µs a frame at the streamer, ${costs.publishUs.toFixed(0)} µs a publish at Redis`,
    tables: [stepsTable(measured), costsTable(costs), ...directory.tables, ...capacityTables(costs, directory)],
    notes: [
      'Everything shares two cores, so unit costs include the cost of sharing. Publishes are as counted by Redis: frames, reports of viewers and announcements.',
      'Least squares over ten steps of two to a thousand viewers: the costs of the most used parts are known best.',
    ],
    details: { measured, costs },
  };
}

function measure(one: Step, warmUpSeconds: number, seconds: number): Promise<Measured> {
  return withScope(async (scope) => {
    const shards = await startShards(scope, one.shards);
    const flags = ['--shards', shardList(shards)];
    const streamer = await startRole(scope, 'streamer', flags);
    const listeners = await Promise.all(Array.from({ length: one.listeners }, () => startRole(scope, 'listener', flags)));
    const ports = listeners.map(({ port }) => port);
    const token = await benchToken('watch');
    const { viewers: connections, streams, rate, viewers } = one;
    const client = await LoadClient.start(scope, {
      dialect: 'hayate',
      ports,
      path: '/watch',
      connections,
      streams,
      token,
      core: LOAD_CORE,
    });
    const broadcasters = await startBroadcasters(scope, [streamer.port], { streams, rate, viewers, bytes: BYTES }, { core: LOAD_CORE });
    await client.open();
    broadcasters.send('go');
    await wait(warmUpSeconds * 1_000);
    const sum = (pids: readonly number[]) => pids.reduce((total, pid) => total + cpuUs(pid), 0);
    const parts = [[streamer.pid], shards.map(({ pid }) => pid), listeners.map(({ pid }) => pid)];
    const countPublishes = async () => (await Promise.all(shards.map(publishes))).reduce((total, count) => total + count, 0);
    const publishedBefore = await countPublishes();
    await client.measure();
    const before = parts.map(sum);
    await wait(seconds * 1_000);
    const [streamerUs = 0, redisUs = 0, listenersUs = 0] = parts.map(sum).map((us, i) => us - (before[i] ?? 0));
    const report = await client.report();
    const published = (await countPublishes()) - publishedBefore;
    const perSecond = (value: number) => (value * 1e6) / report.us;
    return {
      ...one,
      ...{ streamerUs: perSecond(streamerUs), redisUs: perSecond(redisUs), listenersUs: perSecond(listenersUs) },
      ...{ frames: streams * rate, publishes: perSecond(published), deliveries: perSecond(report.deliveries) },
      lost: report.lost + report.silent,
    };
  });
}

/** Unit costs by least squares, none below 0, because a cost cannot be negative. */
function fit(measured: readonly Measured[]): UnitCosts {
  const solve = (columns: (one: Measured) => readonly number[], values: (one: Measured) => number) =>
    leastSquaresPositive(measured.map(columns), measured.map(values));
  const [streamerIdleUs = 0, frameUs = 0] = solve(
    ({ frames }) => [1, frames],
    ({ streamerUs }) => streamerUs,
  );
  const [redisIdleUs = 0, publishUs = 0, passUs = 0] = solve(
    ({ shards, publishes: count, frames, listeners }) => [shards, count, frames * listeners],
    ({ redisUs }) => redisUs,
  );
  const [listenerIdleUs = 0, takeUs = 0, deliveryUs = 0, viewerUs = 0] = solve(
    ({ listeners, frames, deliveries, viewers }) => [listeners, frames * listeners, deliveries, viewers],
    ({ listenersUs }) => listenersUs,
  );
  return { streamerIdleUs, frameUs, redisIdleUs, publishUs, passUs, listenerIdleUs, takeUs, deliveryUs, viewerUs };
}

function stepsTable(measured: readonly Measured[]): Table {
  const share = (us: number) => `${(us / 1e4).toFixed(1)} %`;
  return {
    title: 'Steps, CPU as a share of a core (measured)',
    columns: ['streams × frames/s', 'viewers', 'listeners', 'Redis', 'deliveries/s', 'streamer', 'Redis, all', 'listeners, all', 'lost'],
    rows: measured.map(({ streams, rate, viewers, listeners, shards, deliveries, streamerUs, redisUs, listenersUs, lost }) => [
      `${streams} × ${rate}`,
      ...[viewers, listeners, shards, Math.round(deliveries)].map(String),
      ...[share(streamerUs), share(redisUs), share(listenersUs), String(lost)],
    ]),
  };
}

function costsTable(costs: UnitCosts): Table {
  const us = (value: number) => `${value.toFixed(1)} µs`;
  return {
    title: 'Unit costs (least squares over the steps)',
    columns: ['what', 'CPU'],
    rows: [
      ['a frame at the streamer: checked, published, appended, synced', us(costs.frameUs)],
      ['a PUBLISH at Redis', us(costs.publishUs)],
      ['delivery of a publish to a listener', us(costs.passUs)],
      ['a frame received by a listener', us(costs.takeUs)],
      ['a delivery', us(costs.deliveryUs)],
      ['a viewer, a second: receipts', us(costs.viewerUs)],
      [
        'a second of a process: streamer, Redis, listener',
        [costs.streamerIdleUs, costs.redisIdleUs, costs.listenerIdleUs].map(us).join(', '),
      ],
    ],
  };
}
