// Macro benchmark: the effect on a viewer while hostile clients flood the server. One server
// process has all roles of the live path. A broadcaster and a viewer run in processes of their own,
// and one process of hostile clients floods in one way after the other. Quiet intervals and floods
// alternate, and each flood is compared with the quiet intervals before and after it.
import { fileURLToPath } from 'node:url';
import { signToken } from '../../packages/server/src/auth/sign-token.ts';
import { type FloodReport, floods } from '../../test/support/flood.ts';
import { Child } from '../load/child.ts';
import { Histogram } from '../load/histogram.ts';
import { LoadClient, type LoadReport } from '../load/load-client.ts';
import { type Scope, withScope } from '../load/scope.ts';
import { type RoleProcess, startBroadcasters, startRole } from '../peer/cluster.ts';
import { benchSecret, benchToken } from '../peer/secret.ts';
import type { BenchOutcome } from '../report/outcome.ts';

const load = { streams: 1, viewers: 1, rate: 100, bytes: 200 } as const;
const RATIO_MAX = 2;
/**
 * The server has a core of its own. Hostile clients get the time that the broadcaster and the
 * viewer leave of the other core.
 */
const SERVER_CORE = 0;
const LOAD_CORE = 1;

interface System {
  server: RoleProcess;
  client: LoadClient;
  hostile: Child;
}

/** The effect of one flood. */
interface Outcome {
  name: string;
  quiet: Histogram;
  flooded: Histogram;
  lost: number;
  ends: FloodReport;
  refused: number;
}

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Ratio: p99 of a frame's delay during the worst flood to the p99 around that flood. */
export async function run({ quick }: { quick: boolean }): Promise<BenchOutcome> {
  const [rounds, ms] = quick ? [1, 2_000] : [3, 3_000];
  return withScope(async (scope) => {
    const system = await start(scope);
    await interval(system, ms);
    const outcomes = Object.keys(floods).map((name): Outcome => {
      return { name, quiet: new Histogram(), flooded: new Histogram(), lost: 0, ends: {}, refused: 0 };
    });
    for (let round = 0; round < rounds; round++) for (const outcome of outcomes) await measure(system, outcome, ms);
    return summary(outcomes, { rounds, msPerInterval: ms, load });
  });
}

async function start(scope: Scope): Promise<System> {
  const server = await startRole(scope, 'streamer,listener,api', ['--limit-addresses', 'all'], { core: SERVER_CORE });
  const { port } = server;
  const broadcasters = await startBroadcasters(scope, [port], load, { core: LOAD_CORE });
  const client = await LoadClient.start(scope, {
    ...{ dialect: 'hayate', ports: [port], path: '/watch', connections: load.viewers, streams: load.streams },
    token: await benchToken('watch'),
    core: LOAD_CORE,
  });
  await client.open();
  broadcasters.send('go');
  const { token } = await signToken({ subject: 'hostile', grants: { publish: ['*'], watch: ['*'] }, ttlSeconds: 36_000 }, benchSecret);
  const program = fileURLToPath(new URL('../load/flood-child.ts', import.meta.url));
  const hostile = Child.start(scope, 'nice', ['-n', '19', process.execPath, program, '--port', String(port), '--token', token], {
    core: LOAD_CORE,
  });
  await hostile.line();
  await wait(2_000);
  return { server, client, hostile };
}

async function interval({ client }: System, ms: number): Promise<LoadReport> {
  await client.measure();
  await wait(ms);
  return client.report();
}

/** How many refusals the server has counted. */
async function refusals({ server }: System): Promise<number> {
  const [upgrades, rates, slow, full] = await Promise.all([
    server.metric('hayate_upgrades_refused_total'),
    ...['RATE_EXCEEDED', 'TOO_SLOW', 'TOO_MANY_CONNECTIONS'].map((code) => server.metric('hayate_connection_closes_total', { code })),
  ]);
  return (upgrades ?? 0) + (rates ?? 0) + (slow ?? 0) + (full ?? 0);
}

async function measure(system: System, outcome: Outcome, ms: number): Promise<void> {
  const before = await interval(system, ms / 2);
  const refusedBefore = await refusals(system);
  await system.client.measure();
  for (const [end, number] of Object.entries(await system.hostile.ask<FloodReport>(`${outcome.name} ${ms}`, ms + 60_000)))
    outcome.ends[end] = (outcome.ends[end] ?? 0) + number;
  const during = await system.client.report();
  // The server releases the last connections of a flood when the grace of their close ends.
  await wait(2_500);
  outcome.refused += (await refusals(system)) - refusedBefore;
  const after = await interval(system, ms / 2);
  outcome.quiet.add(before.latency);
  outcome.quiet.add(after.latency);
  outcome.flooded.add(during.latency);
  outcome.lost += before.lost + during.lost + after.lost + during.silent;
}

const ratioOf = ({ quiet, flooded }: Outcome) => flooded.summary().p99Ms / quiet.summary().p99Ms;

function summary(outcomes: readonly Outcome[], details: unknown): BenchOutcome {
  const worst = outcomes.reduce((a, b) => (ratioOf(b) > ratioOf(a) ? b : a));
  return {
    name: 'flood',
    ratio: ratioOf(worst).toFixed(2),
    unit: `× the quiet p99 of a frame's delay during the worst of ${outcomes.length} floods (${worst.name}), ${outcomes.reduce((sum, { lost }) => sum + lost, 0)} frames lost`,
    goals: outcomes.map((outcome) => ({
      what: `p99 during ${outcome.name}, over quiet`,
      goal: `≤ ${RATIO_MAX}`,
      measured: ratioOf(outcome).toFixed(2),
      met: ratioOf(outcome) <= RATIO_MAX,
    })),
    tables: [
      {
        title: "A frame's delay, broadcaster to viewer",
        columns: [
          'flood',
          'quiet p50 ms',
          'p99 ms',
          'flood p50 ms',
          'p99 ms',
          'max ms',
          'p99 ratio',
          'lost',
          'how attempts ended',
          'refusals',
        ],
        rows: outcomes.map((outcome) => [
          outcome.name,
          ...[outcome.quiet.summary().p50Ms, outcome.quiet.summary().p99Ms].map((value) => value.toFixed(2)),
          ...[outcome.flooded.summary().p50Ms, outcome.flooded.summary().p99Ms, outcome.flooded.summary().maxMs].map((value) =>
            value.toFixed(2),
          ),
          ratioOf(outcome).toFixed(2),
          String(outcome.lost),
          Object.entries(outcome.ends)
            .map(([end, number]) => `${end}: ${number.toLocaleString('en')}`)
            .join(', '),
          outcome.refused.toLocaleString('en'),
        ]),
      },
    ],
    notes: [
      `One stream of ${load.rate} frames a second; the server has one core; the broadcaster, the viewer and the hostile clients, at the lowest priority, have the other.`,
      'A flood comes back as soon as it is closed; every kind runs from one process, as fast as it can, with --limit-addresses all.',
    ],
    details,
  };
}
