// In: a test, and the names that a program should see. Out: the program, run in its own mount
// namespace with the test's /etc/hosts and no DNS server that answers; and whether this machine has
// IPv6.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { root, startProcess, type TestProcess } from './process.ts';
import { isFullRun, requireTool } from './require-tool.ts';
import { tempDir } from './temp-dir.ts';

/** Starts `hayate` with the names of a hosts file. */
type StartWithHosts = (args: readonly string[], env?: Readonly<Record<string, string>>) => TestProcess;

const bindAndRun = 'mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/resolv.conf && shift 2 && exec "$@"';

/**
 * Returns a way to start programs that see `hosts` as /etc/hosts, or undefined after skipping the
 * test, which should then return.
 *
 * @param hosts lines such as `127.0.0.1 localhost`
 */
export const withHosts = (t: TestContext, hosts: readonly string[]): StartWithHosts | undefined => {
  const unshare = requireTool(t, 'unshare');
  if (unshare === undefined || requireTool(t, 'mount') === undefined) return undefined;
  const folder = tempDir(t);
  const [hostsFile, resolver] = [join(folder, 'hosts'), join(folder, 'resolv.conf')];
  writeFileSync(hostsFile, hosts.map((line) => `${line}\n`).join(''));
  // Nothing listens at this address, so a query fails at once.
  writeFileSync(resolver, 'nameserver 127.0.0.9\noptions timeout:1 attempts:1\n');
  const asRoot = process.getuid?.() === 0 ? [] : ['--map-root-user'];
  const prefix = [...asRoot, '--mount', 'sh', '-c', bindAndRun, 'sh', hostsFile, resolver];
  const trial = spawnSync(unshare, [...prefix, 'true'], { encoding: 'utf8' });
  if (trial.status !== 0) {
    const why = `needs a mount namespace, which this machine does not give: ${trial.stderr.trim()}`;
    if (isFullRun) throw new Error(why);
    t.skip(why);
    return undefined;
  }
  return (args, env = {}) =>
    startProcess(t, [...prefix, process.execPath, join(root, 'packages/server/bin/hayate.mjs'), ...args], { executable: unshare, env });
};

/** Whether this machine has ::1. If not, skips the test `t`, or fails it in a full run. */
export const requireIpv6 = (t: TestContext): boolean => {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  if (all.some(({ address }) => address === '::1')) return true;
  if (isFullRun) throw new Error('this machine has no IPv6 loopback (::1): sysctl net.ipv6.conf.lo.disable_ipv6=0');
  t.skip('needs IPv6, and this machine has no ::1: sysctl net.ipv6.conf.lo.disable_ipv6=0');
  return false;
};
