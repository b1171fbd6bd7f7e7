// Whole systems of real processes on this machine: redis-servers, `hayate serve` by roles, and
// broadcasters. All listen on loopback and end with their scope.
import { fileURLToPath } from 'node:url';
import { type Redis, startRedis } from '../../test/support/redis.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { Child, type ChildOptions } from '../load/child.ts';
import type { Scope } from '../load/scope.ts';
import type { FanOutLoad } from './contestant.ts';
import { benchSecretText, benchToken } from './secret.ts';

const bin = 'packages/server/bin/hayate.mjs';

/** A `hayate serve` process. */
export interface RoleProcess {
  child: Child;
  pid: number;
  port: number;
  /** The sum of a metric over its series whose labels include `labels`. 0 if there are none. */
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number>;
}

/**
 * Starts one process of `hayate serve --roles=…` with a data directory of its own. Port 0 picks any
 * free port.
 */
export async function startRole(
  scope: Scope,
  roles: string,
  flags: readonly string[],
  { port: wanted = 0, ...options }: ChildOptions & { port?: number } = {},
): Promise<RoleProcess> {
  const data = ['--data', tempDir(scope), '--jwt-secret', benchSecretText, '--log-level', 'fatal', '--port', String(wanted)];
  // Connections are silent for minutes between rounds.
  const args = ['serve', `--roles=${roles}`, ...data, '--idle-timeout-ms', '1800000', ...flags];
  const child = Child.start(scope, process.execPath, [bin, ...args], { files: 20_000, ...options });
  for (;;) {
    const port = /^listening on http:\/\/localhost:(\d+)$/.exec(await child.line())?.[1];
    if (port === undefined) continue;
    const metric = async (name: string, labels: Readonly<Record<string, string>> = {}) => {
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
      return text
        .split('\n')
        .filter((line) => (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && wanted.every((pair) => line.includes(pair)))
        .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
    };
    return { child, pid: child.pid, port: Number(port), metric };
  }
}

/**
 * Starts `count` redis-servers, on addresses of their own. A given `port` is the same for all, so
 * that one DNS name can stand for them.
 */
export async function startShards(scope: Scope, count: number, port = 0): Promise<Redis[]> {
  const started = await Promise.all(Array.from({ length: count }, (_, i) => startRedis(scope, { host: `127.0.0.${i + 1}`, port })));
  return started.filter((redis) => redis !== undefined);
}

/** The list of shards in the form of --shards. */
export const shardList = (shards: readonly Redis[]): string => shards.map(({ url }) => url).join(',');

/** How many PUBLISH commands a Redis has carried out. */
export async function publishes(redis: Redis): Promise<number> {
  const text = String(await redis.command('INFO', 'commandstats'));
  return Number(/cmdstat_publish:calls=(\d+)/.exec(text)?.[1] ?? 0);
}

/** Largest over mean. 1 is even. */
export const unevenness = (counts: readonly number[]): number =>
  (Math.max(...counts) * counts.length) / counts.reduce((sum, count) => sum + count, 0);

/** Starts broadcasters of `load.streams` streams to these ports. They are silent until `go`. */
export async function startBroadcasters(
  scope: Scope,
  ports: readonly number[],
  load: FanOutLoad,
  { dialect = 'hayate', core }: { dialect?: 'hayate' | 'engine'; core?: number | undefined } = {},
): Promise<Child> {
  const program = fileURLToPath(new URL('./broadcasters.ts', import.meta.url));
  const args = ['--streams', String(load.streams), '--rate', String(load.rate), '--bytes', String(load.bytes)];
  const own = ['--', '--dialect', dialect, '--ports', ports.join(','), '--token', await benchToken('publish')];
  const child = Child.start(scope, process.execPath, [program, ...args, ...own], { core });
  await child.line();
  return child;
}
