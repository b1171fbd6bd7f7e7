// In: a test, and the answers that a DNS server gives. Out: a real dnsmasq on a loopback port whose
// answers the test can change. It knows only these answers: it has no upstream and no hosts file.
import { promises as dns } from 'node:dns';
import { writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { freePort } from './free-port.ts';
import { poll } from './poll.ts';
import { startProcess, type TestProcess } from './process.ts';
import { requireTool } from './require-tool.ts';
import { tempDir } from './temp-dir.ts';

/** A DNS server under test. */
export interface DnsServer {
  /** As `--dns-server` takes it: address:port. */
  readonly address: string;
  /**
   * Replaces all answers by these lines, in dnsmasq's configuration syntax. For a moment there are
   * no answers.
   */
  answer(records: readonly string[]): Promise<void>;
  /** Stops answering until `answer` is called. */
  stop(): Promise<void>;
}

/**
 * Starts a DNS server for the test `t`. Returns undefined after skipping the test, which should
 * then return.
 *
 * @param records `host-record=redis.test,127.0.0.2` for an address (repeat the line for more
 * addresses); `srv-host=_redis._tcp.redis.test,one.test,6379` for a service
 */
export const startDns = async (t: TestContext, records: readonly string[]): Promise<DnsServer | undefined> => {
  const executable = requireTool(t, 'dnsmasq');
  if (executable === undefined) return undefined;
  const port = await freePort();
  const file = join(tempDir(t), 'dnsmasq.conf');
  const address = `127.0.0.1:${port}`;
  let version = 0;
  let running: TestProcess | undefined;

  const stop = async (): Promise<void> => {
    running?.kill('SIGKILL');
    await running?.exit;
    running = undefined;
  };
  const answer = async (lines: readonly string[]): Promise<void> => {
    await stop();
    const own = [`port=${port}`, 'listen-address=127.0.0.1', 'bind-interfaces', 'no-resolv', 'no-hosts', 'local=/test/', 'local-ttl=0'];
    const marker = `txt-record=version.test,${++version}`;
    writeFileSync(file, [...own, marker, ...lines, ''].join('\n'));
    const args = ['--keep-in-foreground', `--conf-file=${file}`, '--pid-file', `--user=${userInfo().username}`, '--log-facility=-'];
    running = startProcess(t, args, { executable });
    const resolver = new dns.Resolver({ timeout: 500, tries: 1 });
    resolver.setServers([address]);
    await poll('the new answers', async () => (await resolver.resolveTxt('version.test'))[0]?.[0] === String(version));
  };
  await answer(records);
  return { address, answer, stop };
};
