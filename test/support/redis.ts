// In: a test, and an address for a Redis. Out: a real redis-server that answers there until the
// test ends. It can be signalled (SIGKILL, SIGSTOP, SIGCONT), restarted on the same port, and
// queried by redis-cli, a client that we did not write.
import { execFile } from 'node:child_process';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { hostAndPort } from '../../packages/server/src/kernel/address.ts';
import { freePort } from './free-port.ts';
import { poll } from './poll.ts';
import { startProcess, type TestProcess } from './process.ts';
import { requireTool } from './require-tool.ts';
import { tempDir } from './temp-dir.ts';

/** Options for starting a Redis. */
interface RedisOptions {
  /** Address to listen on. Default 127.0.0.1; Linux has all of 127.0.0.0/8. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** The password that clients must give. */
  readonly password?: string;
  /** Added to the command line: `['--client-output-buffer-limit', 'pubsub 1mb 0 0']`. */
  readonly args?: readonly string[];
}

/** A Redis under test. */
export interface Redis {
  readonly host: string;
  readonly port: number;
  /** As `--shards` takes it: redis://host:port, with the password if there is one. */
  readonly url: string;
  /** Of the process that runs now. */
  readonly pid: number;
  /** Sends a signal to the process. After SIGSTOP it hangs and its connections stay open. */
  signal(signal: NodeJS.Signals): void;
  /** Kills the process, if it runs, and waits for its exit. */
  stop(): Promise<void>;
  /** Stops it and starts it again on the same address and port. */
  restart(): Promise<void>;
  /**
   * Runs a command and returns its reply as JSON shows it: string, number, null or array. Rejects
   * on an error reply.
   */
  command(...args: readonly string[]): Promise<unknown>;
}

const run = promisify(execFile);

/**
 * Starts a Redis for the test `t` and waits until it answers. Returns undefined after skipping the
 * test, which should then return.
 */
export const startRedis = async (t: TestContext, options: RedisOptions = {}): Promise<Redis | undefined> => {
  const executable = requireTool(t, 'redis-server');
  const cli = executable === undefined ? undefined : requireTool(t, 'redis-cli');
  if (executable === undefined || cli === undefined) return undefined;
  const { host = '127.0.0.1', password, args = [] } = options;
  const port = options.port || (await freePort(host));
  const authority = `${password === undefined ? '' : `:${encodeURIComponent(password)}@`}${hostAndPort(host, port)}`;
  const cwd = tempDir(t);
  const base = ['--port', String(port), '--bind', host, '--save', '', '--appendonly', 'no'];
  const auth = password === undefined ? [] : ['--requirepass', password];

  const command = async (...words: readonly string[]): Promise<unknown> => {
    const env = { ...process.env, ...(password === undefined ? {} : { REDISCLI_AUTH: password }) };
    const { stdout } = await run(cli, ['-h', host, '-p', String(port), '-2', '-e', '--json', ...words], { env, timeout: 20_000 });
    // redis-cli prints the lists of INFO and CLIENT LIST without JSON.
    return ['INFO', 'CLIENT'].includes(words[0] ?? '') && !/^["[\d]/.test(stdout) ? stdout : JSON.parse(stdout);
  };
  const start = async (): Promise<TestProcess> => {
    const started = startProcess(t, [...base, ...auth, ...args], { executable, cwd });
    await started.untilLine(/Ready to accept connections/);
    await poll(`the Redis on port ${port}`, async () => (await command('PING')) === 'PONG');
    return started;
  };
  let running = await start();
  const stop = async (): Promise<void> => {
    running.kill('SIGKILL');
    await running.exit;
  };
  return {
    host,
    port,
    url: `redis://${authority}`,
    get pid() {
      return running.pid;
    },
    signal: (signal) => void running.kill(signal),
    stop,
    restart: async () => {
      await stop();
      running = await start();
    },
    command,
  };
};

/**
 * Starts one Redis on each of the hosts, in parallel. Returns undefined after skipping the test.
 */
export const startRedisServers = async (
  t: TestContext,
  hosts: readonly string[],
  options: RedisOptions = {},
): Promise<Redis[] | undefined> => {
  const started = await Promise.all(hosts.map((host) => startRedis(t, { ...options, host })));
  const there = started.filter((redis) => redis !== undefined);
  return there.length === hosts.length ? there : undefined;
};
