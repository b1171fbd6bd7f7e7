// Servers that answer the greeting and then refuse everything. However often that happens, the log
// gets few lines. The lines give advice and never the password.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from '@prometheus-io/client';
import { pino } from 'pino';
import { cleanUp } from '../../../../../test/support/clean-up.ts';
import { poll } from '../../../../../test/support/poll.ts';
import { startRedis } from '../../../../../test/support/redis.ts';
import { createContext } from '../../kernel/context.ts';
import { parseFlags } from '../../kernel/flag.ts';
import { serveFlags } from '../../serve-flags.ts';
import { openRedisShards } from './open.ts';

const PASSWORD = 'correct-horse-battery';
/** The number of refusals to wait for. */
const REFUSALS = 40;

for (const [name, rules, word, advice] of [
  ['a user who may only ping', ['on', `>${PASSWORD}`, '+ping'], 'NOPERM', /ACL SETUSER/],
  [
    'a user who may use no channel',
    ['on', `>${PASSWORD}`, 'resetchannels', '+ping', '+publish', '+subscribe', '+unsubscribe'],
    'NOPERM',
    /ACL SETUSER/,
  ],
  ['a wrong password', ['on', '>another'], 'WRONGPASS', /password/],
] as const)
  test(`${name}: the log gets few lines, with advice and without the password`, async (t) => {
    const redis = await startRedis(t);
    if (redis === undefined) return;
    await redis.command('ACL', 'SETUSER', 'show', ...rules);
    const lines: string[] = [];
    const context = {
      ...createContext(),
      registry: new Registry(),
      logger: pino({ base: null }, { write: (line: string) => lines.push(line) }),
    };
    const shards = `redis://show:${PASSWORD}@${redis.host}:${redis.port}`;
    const open = await openRedisShards(parseFlags(serveFlags, ['--shards', shards], {}), context);
    cleanUp(t, () => open.close());
    void open.subscribe('live:x', () => undefined);
    const refusals = async () => {
      open.publish('live:x', Uint8Array.of(1));
      const text = await context.registry.metrics();
      const counts = [...text.matchAll(/^hayate_shard_disconnects_total\{.*\} (\d+)$/gm)].map(([, count]) => Number(count));
      return counts.reduce((sum, count) => sum + count, 0) >= REFUSALS;
    };
    await poll(`${REFUSALS} refusals`, refusals, { timeoutMs: 60_000 });
    const about = lines.filter((line) => line.includes(word));
    assert.ok(about.length >= 1, lines.join(''));
    assert.ok(lines.length < REFUSALS, `${lines.length} lines:\n${lines.join('')}`);
    assert.match(JSON.parse(about[0] ?? '{}').advice ?? '', advice);
    assert.ok(!lines.join('').includes(PASSWORD));
  });
