// Micro benchmark: the CPU cost of a PUBLISH, to the process that sends it and to the Redis that
// receives it. It compares Hayate's own RESP path (the whole shard adapter), ioredis and
// node-redis, message by message and in batches. All are connected at once and take turns.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { root } from '../../test/support/process.ts';
import { startRedis } from '../../test/support/redis.ts';
import { Child } from '../load/child.ts';
import { type Scope, withScope } from '../load/scope.ts';
import { cpuUs } from '../load/usage.ts';
import type { BenchOutcome, Table } from '../report/outcome.ts';
import { median, spread } from '../report/sample.ts';

const NAMES = ['idle', 'hayate', 'ioredis', 'node-redis'] as const;
type Name = (typeof NAMES)[number];
const RATES = [5_000, 20_000];
const BATCHES = [1, 10, 20, 50];
/**
 * The case of the headline: about as many messages as one process gathers in a slot of 5 ms under
 * load.
 */
const HEADLINE = { rate: 20_000, batch: 20 };

/** CPU microseconds for each message. */
interface Cost {
  node: number;
  redis: number;
}

/** The ratio is node-redis' cost of a message over Hayate's, in Node, batches of 20 at 20,000/s. */
export async function run({ quick }: { quick: boolean }): Promise<BenchOutcome> {
  const [rounds, seconds] = quick ? [2, 0.4] : [9, 1];
  return withScope(async (scope) => {
    const children = await start(scope);
    const tables: Table[] = [];
    let ratio = Number.NaN;
    for (const rate of RATES) {
      const rows: string[][] = [];
      for (const batch of BATCHES) {
        const costs = new Map<Name, Cost[]>(NAMES.map((name) => [name, []]));
        for (let round = -1; round < rounds; round++)
          for (const name of NAMES) {
            const cost = await measure(children, name, rate, batch, seconds);
            if (round >= 0) costs.get(name)?.push(cost);
          }
        // The cost of the clock that starts the publishes is not the publishers': subtract it.
        const clock = median((costs.get('idle') ?? []).map(({ node }) => node));
        const of = (name: Name) => (costs.get(name) ?? []).map(({ node, redis }) => ({ node: node - clock, redis }));
        const [ours, peer] = [of('hayate'), of('node-redis')].map((own) => median(own.map(({ node }) => node)));
        if (rate === HEADLINE.rate && batch === HEADLINE.batch && ours !== undefined && peer !== undefined) ratio = peer / ours;
        rows.push([String(batch), ...NAMES.slice(1).flatMap((name) => cells(of(name)))]);
      }
      tables.push({
        title: `${rate} messages a second of 640 bytes: CPU µs a message, median (middle half of the rounds)`,
        columns: ['batch', ...NAMES.slice(1).flatMap((name) => [`${name}: Node`, 'Redis'])],
        rows,
      });
    }
    return {
      name: 'redis-publish',
      ratio: ratio.toFixed(2),
      unit: `× our CPU for node-redis' multi (Node, batches of ${HEADLINE.batch} at ${HEADLINE.rate}/s)`,
      tables,
      notes: [
        'Ours is the whole adapter: placement, health, unanswered messages, and metrics. ioredis by pipeline, node-redis by multi().execAsPipeline(). There are no subscribers. The pacing loop is the same for all; its cost is measured separately and subtracted.',
      ],
      details: { rounds, secondsPerRound: seconds },
    };
  });
}

interface Children {
  redisPid: number;
  byName: ReadonlyMap<Name, Child>;
}

async function start(scope: Scope): Promise<Children> {
  const redis = await startRedis(scope);
  if (redis === undefined) throw new Error('redis-server and redis-cli are needed');
  // The kernel places Redis. Publishers share a core, one at a time.
  const core = availableParallelism() > 1 ? 1 : undefined;
  const program = join(root, 'bench/micro/redis-publish-child.ts');
  const byName = new Map<Name, Child>();
  for (const name of NAMES) {
    const child = Child.start(scope, process.execPath, [program, name, redis.url], { core });
    await child.line();
    byName.set(name, child);
  }
  return { redisPid: redis.pid, byName };
}

async function measure({ redisPid, byName }: Children, name: Name, rate: number, batch: number, seconds: number): Promise<Cost> {
  const child = byName.get(name);
  if (child === undefined) throw new Error(`no ${name}`);
  const messages = Math.floor((rate * seconds) / batch) * batch;
  const before = { node: cpuUs(child.pid), redis: cpuUs(redisPid) };
  await child.ask(`${rate} ${batch} ${messages}`);
  return { node: (cpuUs(child.pid) - before.node) / messages, redis: (cpuUs(redisPid) - before.redis) / messages };
}

function cells(costs: readonly Cost[]): [string, string] {
  const show = (values: readonly number[]) => `${median(values).toFixed(1)} (${spread(values, 1)})`;
  return [show(costs.map(({ node }) => node)), show(costs.map(({ redis }) => redis))];
}
