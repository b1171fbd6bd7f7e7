// In: a test. Out: a real server that speaks S3 (versitygw on a folder), on a free loopback port
// until the test ends, with an empty bucket and its credentials. It can be signalled (SIGKILL,
// SIGSTOP, SIGCONT) and restarted on the same port with the same objects.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, type TestContext } from 'node:test';
import type { TestScope } from './clean-up.ts';
import { freePort } from './free-port.ts';
import { requireGoProgram } from './go-program.ts';
import { poll } from './poll.ts';
import { startProcess, type TestProcess } from './process.ts';
import { tempDir } from './temp-dir.ts';

/** An object store under test. */
export interface ObjectServer {
  /** http://127.0.0.1:PORT, as --store-endpoint takes it. */
  readonly endpoint: string;
  /** Name of a bucket that exists and is empty. */
  readonly bucket: string;
  /** Variables for a client's environment. They override the machine's own credentials. */
  readonly env: Readonly<Record<string, string>>;
  /** Makes another bucket. */
  makeBucket(name: string): Promise<void>;
  /** Sends a signal. After SIGSTOP the server hangs and its connections stay open. */
  signal(signal: NodeJS.Signals): void;
  /** Kills the server, if it runs, and waits for its exit. */
  stop(): Promise<void>;
  /** Stops it and starts it again on the same port. */
  restart(): Promise<void>;
}

/**
 * Starts a server that ends with `scope`, by default the test `t` itself. Returns undefined after
 * skipping the test, which should then return.
 */
export type StartObjectServer = (t: TestContext, scope?: TestScope) => Promise<ObjectServer | undefined>;

/**
 * One server for all tests of a file, each of which uses its own bucket or prefix. The first test
 * that asks starts it; it ends after the last test. Call this at the top of the file. The returned
 * function gives undefined after skipping the test.
 */
export const shareObjectServer = (start: StartObjectServer): ((t: TestContext) => Promise<ObjectServer | undefined>) => {
  const actions: (() => void | Promise<void>)[] = [];
  after(async () => {
    for (const action of actions) await action();
  });
  let started: Promise<ObjectServer | undefined> | undefined;
  return async (t) => {
    started ??= start(t, { after: (action) => void actions.push(action) });
    const server = await started;
    if (server === undefined) t.skip('needs a server that npm run test:full builds');
    return server;
  };
};

const host = '127.0.0.1';
const bucket = 'archive';

/**
 * Starts a server for the test `t` and waits until it answers. Returns undefined after skipping the
 * test, which should then return.
 */
export const startS3: StartObjectServer = async (t, scope = t): Promise<ObjectServer | undefined> => {
  const executable = await requireGoProgram(t, 'versitygw');
  if (executable === undefined) return undefined;
  const folder = tempDir(scope);
  const objects = join(folder, 'objects');
  const sidecar = join(folder, 'sidecar');
  // A bucket is a folder. Object metadata goes to files, as not every file system supports extended
  // attributes.
  for (const path of [join(objects, bucket), sidecar]) mkdirSync(path, { recursive: true });
  const port = await freePort(host);
  const endpoint = `http://${host}:${port}`;
  const [user, secret] = ['hayate-test', 'a-secret-of-the-tests'];
  const start = async (): Promise<TestProcess> => {
    const args = ['--port', `${host}:${port}`, '--health', '/health', '--quiet', 'posix', '--sidecar', sidecar, objects];
    const env = { ROOT_ACCESS_KEY: user, ROOT_SECRET_KEY: secret };
    const started = startProcess(scope, args, { executable, cwd: folder, env });
    await poll(`the S3 server on port ${port}`, async () => (await fetch(`${endpoint}/health`)).ok);
    return started;
  };
  let running = await start();
  const stop = async (): Promise<void> => {
    running.kill('SIGKILL');
    await running.exit;
  };
  return {
    endpoint,
    bucket,
    env: {
      AWS_ACCESS_KEY_ID: user,
      AWS_SECRET_ACCESS_KEY: secret,
      AWS_SESSION_TOKEN: '',
      AWS_CONFIG_FILE: join(folder, 'none'),
      AWS_SHARED_CREDENTIALS_FILE: join(folder, 'none'),
      AWS_EC2_METADATA_DISABLED: 'true',
    },
    makeBucket: async (name) => void mkdirSync(join(objects, name)),
    signal: (signal) => void running.kill(signal),
    stop,
    restart: async () => {
      await stop();
      running = await start();
    },
  };
};
