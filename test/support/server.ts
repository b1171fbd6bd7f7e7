// In: settings as on the command line. Out: a real server in this process, on a free port and in an
// empty data directory, drained when the test ends; and its development-mode tokens.
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Grants } from '../../packages/server/src/auth/grant.ts';
import { parseFlags } from '../../packages/server/src/kernel/flag.ts';
import { type RunningServer, startServer } from '../../packages/server/src/main.ts';
import { serveFlags } from '../../packages/server/src/serve-flags.ts';
import { cleanUp } from './clean-up.ts';
import { tempDir } from './temp-dir.ts';

/** A server under test. */
export interface TestServer extends RunningServer {
  readonly dataDirectory: string;
  /** A token of development mode. */
  token(grants: Grants): Promise<string>;
  /**
   * The value of a metric, summed over the series whose labels include `labels`; 0 if there are
   * none.
   */
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number>;
}

/**
 * Starts a server with `flags` in addition to a free port, its own data directory and a silent log.
 */
export async function startTestServer(t: TestContext, flags: readonly string[] = []): Promise<TestServer> {
  const dataDirectory = join(tempDir(t), 'data');
  const server = await startServer(parseFlags(serveFlags, ['--port', '0', '--data', dataDirectory, '--log-level', 'silent', ...flags], {}));
  let drained: Promise<void> | undefined;
  const drain = () => (drained ??= server.drain());
  cleanUp(t, drain);
  const metric = async (name: string, labels: Readonly<Record<string, string>> = {}) => {
    const text = await (await fetch(`${server.internalUrl ?? server.url}/metrics`)).text();
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    return text
      .split('\n')
      .filter((line) => (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && wanted.every((pair) => line.includes(pair)))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  };
  const token = async (grants: Grants) => {
    const response = await fetch(`${server.url}/dev/token`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ grants }),
    });
    return ((await response.json()) as { token: string }).token;
  };
  return { ...server, drain, dataDirectory, metric, token };
}
