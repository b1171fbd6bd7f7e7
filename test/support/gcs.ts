// In: a test. Out: a real server that speaks Google Cloud Storage's JSON API (fake-gcs-server, in
// memory), with an empty bucket, on a free loopback port until the test ends. It asks for no
// credentials. It can be signalled (SIGKILL, SIGSTOP, SIGCONT) and restarted on the same port; it
// is then empty.

import { freePort } from './free-port.ts';
import { requireGoProgram } from './go-program.ts';
import { poll } from './poll.ts';
import { startProcess, type TestProcess } from './process.ts';
import type { StartObjectServer } from './s3.ts';
import { tempDir } from './temp-dir.ts';

const host = '127.0.0.1';
const bucket = 'archive';

/**
 * Starts a server for the test `t` and waits until it answers. Returns undefined after skipping the
 * test, which should then return.
 */
export const startGcs: StartObjectServer = async (t, scope = t) => {
  const executable = await requireGoProgram(t, 'fake-gcs-server');
  if (executable === undefined) return undefined;
  const cwd = tempDir(scope);
  const port = await freePort(host);
  const endpoint = `http://${host}:${port}`;
  const makeBucket = async (name: string): Promise<void> => {
    const request = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ name }) };
    const { status } = await fetch(`${endpoint}/storage/v1/b?project=test`, request);
    if (status !== 200) throw new Error(`the bucket ${name} could not be made: ${status}`);
  };
  const start = async (): Promise<TestProcess> => {
    const args = ['-backend', 'memory', '-scheme', 'http', '-host', host, '-port', String(port), '-external-url', endpoint];
    const started = startProcess(scope, [...args, '-public-host', `${host}:${port}`, '-log-level', 'error'], { executable, cwd });
    await poll(`the GCS server on port ${port}`, async () => (await fetch(`${endpoint}/_internal/healthcheck`)).ok);
    await makeBucket(bucket);
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
    env: { GOOGLE_APPLICATION_CREDENTIALS: '', METADATA_SERVER_DETECTION: 'none' },
    makeBucket,
    signal: (signal) => void running.kill(signal),
    stop,
    restart: async () => {
      await stop();
      running = await start();
    },
  };
};
